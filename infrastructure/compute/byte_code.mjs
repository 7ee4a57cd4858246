// Compiles the Python files of a folder to byte code: node byte_code.mjs FOLDER PATH VERSION
//
// PATH is the folder's path on Lambda, which tracebacks show; VERSION is the runtime's, such as 3.13.
import { loadPyodide } from "pyodide";

const [folder, path, version] = process.argv.slice(2);
const python = await loadPyodide();
const found = python.runPython("import sys; '{}.{}'.format(*sys.version_info)");
if (found !== version) {
  throw new Error(`Pyodide has Python ${found}; functions run on ${version}: change package.json`);
}
python.FS.mkdirTree(path);
python.mountNodeFS(path, folder);
// Files that cannot be compiled, such as a package's templates, are left as they are.
python.globals.set("folder", path);
python.runPython(`
import compileall
from py_compile import PycInvalidationMode

compileall.compile_dir(
    folder, quiet=2, force=True, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH
)
`);
