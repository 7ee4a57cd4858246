"""The dashboard's rows about interpreters."""

from __future__ import annotations

from aws_cdk import aws_cloudwatch as cloudwatch

from infrastructure.catalogue.function_table import AUDIO_PROCESSOR, CONTROL, INTERPRETER, TIMEOUT
from infrastructure.monitoring.alarms import STARTERS
from infrastructure.monitoring.graphs import PERCENTILES, graph
from infrastructure.monitoring.metrics import MINUTE, StageMetrics, total


def interpreters(metrics: StageMetrics) -> list[cloudwatch.IWidget]:
    """Interpreters lost, stand-bys promoted, runs missed; people and machines alike."""
    of_service = metrics.of_service

    # Floor chunks, joins and the sweep detect expired leases.
    def detected(name: str, label: str) -> cloudwatch.MathExpression:
        emitters = (AUDIO_PROCESSOR, CONTROL, TIMEOUT)
        found = [of_service(spec, name, period=MINUTE) for spec in emitters]
        return total(found, MINUTE, label)

    lost = [
        detected("InterpreterLeaseExpired", "lease expired"),
        detected("InterpreterSilent", "silent"),
    ]
    promoted = [detected("InterpreterPromoted", "promoted")]
    missed: list[cloudwatch.IMetric] = [
        of_service(TIMEOUT, "InterpretersRestarted", period=MINUTE).with_(label="restarted"),
        total(
            [of_service(spec, "InterpretersNotStarted", period=MINUTE) for spec in STARTERS],
            MINUTE,
            "not started",
        ),
    ]
    return [
        graph("Interpreters lost a minute", lost),
        graph("Stand-bys promoted a minute", promoted),
        graph("Interpreters missed a minute", missed),
    ]


def machines(metrics: StageMetrics) -> list[cloudwatch.IWidget]:
    """Sentences, delays and runs of machine interpreters."""
    of_service = metrics.of_service
    delays = [
        of_service(INTERPRETER, "InterpreterDelay", statistic=percentile, period=MINUTE).with_(
            label=percentile
        )
        for percentile in PERCENTILES
    ]
    sentences: list[cloudwatch.IMetric] = [
        of_service(INTERPRETER, "InterpreterSentences", period=MINUTE).with_(label="spoken"),
        *(
            metrics.by_dimensions(INTERPRETER, name, (dimension,), MINUTE)
            for name, dimension in (
                ("InterpreterUnspoken", "Loss"),
                ("InterpreterFaults", "Stage"),
            )
        ),
    ]
    runs = metrics.by_dimensions(INTERPRETER, "InterpreterRuns", ("Ending",), MINUTE)
    return [
        graph("Machine interpretation (ms)", delays),
        graph("Machines' sentences a minute, not spoken, and engines' faults", sentences),
        graph("Interpreters' runs ended a minute", [runs]),
    ]
