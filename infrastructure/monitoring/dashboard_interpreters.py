"""The rows of the dashboard that are about interpreters."""

from __future__ import annotations

from aws_cdk import aws_cloudwatch as cloudwatch

from infrastructure.catalogue.function_table import AUDIO_PROCESSOR, CONTROL, INTERPRETER, TIMEOUT
from infrastructure.monitoring.alarms import STARTERS
from infrastructure.monitoring.graphs import PERCENTILES, graph
from infrastructure.monitoring.metrics import MINUTE, StageMetrics, total


def interpreters(metrics: StageMetrics) -> list[cloudwatch.IWidget]:
    """People and machines: who was lost, who followed, who was missed."""
    of_service = metrics.of_service

    # Whoever meets a lease that has run out: the floor's chunks, joins, or the sweep.
    def met(name: str, label: str) -> cloudwatch.MathExpression:
        emitters = (AUDIO_PROCESSOR, CONTROL, TIMEOUT)
        found = [of_service(spec, name, period=MINUTE) for spec in emitters]
        return total(found, MINUTE, label)

    lost = [
        met("InterpreterLeaseExpired", "lease expired"),
        met("InterpreterSilent", "silent"),
    ]
    promoted = [met("InterpreterPromoted", "promoted")]
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
    """What machines do, how fast, and how their runs end."""
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
            metrics.told_apart(INTERPRETER, name, (dimension,), MINUTE)
            for name, dimension in (
                ("InterpreterUnspoken", "Loss"),
                ("InterpreterFaults", "Stage"),
            )
        ),
    ]
    runs = metrics.told_apart(INTERPRETER, "InterpreterRuns", ("Ending",), MINUTE)
    return [
        graph("Machine interpretation (ms)", delays),
        graph("Machines' sentences a minute, not spoken, and engines' faults", sentences),
        graph("Interpreters' runs ended a minute", [runs]),
    ]
