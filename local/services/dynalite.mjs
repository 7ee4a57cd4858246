// DynamoDB for one run: `node dynalite.mjs FOLDER PORT` keeps the tables in FOLDER and serves them at
// 127.0.0.1:PORT (0: a free port). It prints the port as its only line. `GET /_requests` returns the
// number of calls by operation, `GET /_iterators` the number of open iterators. The process exits
// when its stdin closes, so it does not outlive its parent.
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

// dynalite distinguishes index entries of one key by the first 24 bits of an MD5. Among a thousand
// listeners of one language, two collide in every thirtieth run, and one of them hears nothing.
// Nothing else here uses MD5, so `slice` of an MD5 digest returns the whole digest.
const crypto = require('node:crypto')
const { createHash } = crypto
crypto.createHash = (algorithm, ...rest) => {
  const hash = createHash(algorithm, ...rest)
  if (algorithm === 'md5') {
    const digest = hash.digest.bind(hash)
    hash.digest = (encoding) => ({ slice: () => digest(encoding) })
  }
  return hash
}

// dynalite ends a stream of keys or values with the `return` method of its iterator, which this
// version of LevelDB lacks. Without it each Query and Scan would leak an iterator: 7 KB, and a
// snapshot that retains all data overwritten or deleted later.
const { Level } = createRequire(require.resolve('dynalite'))('level')
let iterators = 0
for (const method of ['keys', 'values']) {
  const open = Level.prototype[method]
  Level.prototype[method] = function (...options) {
    const iterator = open.apply(this, options)
    iterators += 1
    iterator.return ??= () => iterator.close().finally(() => { iterators -= 1 })
    return iterator
  }
}

const dynalite = require('dynalite')
const [folder, port] = process.argv.slice(2)
const server = dynalite({ path: folder, createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 })
const [serve] = server.listeners('request')
const counts = Object.create(null)
const statistics = { '/_requests': () => counts, '/_iterators': () => iterators }

server.removeAllListeners('request')
server.on('request', (request, response) => {
  if (request.method === 'GET' && Object.hasOwn(statistics, request.url)) {
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify(statistics[request.url]()))
    return
  }
  const operation = String(request.headers['x-amz-target'] ?? '').split('.')[1]
  if (operation) counts[operation] = (counts[operation] ?? 0) + 1
  // dynalite throws when a client disconnects mid-request, which would end the process.
  const on = request.on.bind(request)
  on('error', () => {})
  request.on = (event, listener) => (event === 'error' ? request : on(event, listener))
  serve(request, response)
})

// Clients keep their connections; a shorter timeout could close one just as it is reused.
server.keepAliveTimeout = 3_600_000
server.requestTimeout = 0
server.listen(Number(port), '127.0.0.1', () => console.log(server.address().port))

process.stdin.on('end', () => process.exit(0))
process.stdin.resume()
