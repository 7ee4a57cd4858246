// DynamoDB for one run: node dynalite.mjs FOLDER PORT keeps the tables in FOLDER and serves them at
// PORT of 127.0.0.1 (0: a free one). It prints the port as its only line. `GET /_requests` tells how
// often each operation was called, `GET /_iterators` how many queries and scans have not ended. It ends when stdin does, so it does not outlive whoever started it.
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

// dynalite tells index entries of one key apart by the first 24 bits of an MD5, so that among a
// thousand listeners of one language two are taken for one in every thirtieth run, and one of them
// hears nothing. It is the only user of MD5 here: what it cuts from the digest is the digest.
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

// dynalite ends a stream of keys or values by the `return` of its iterator, which iterators of this
// version of LevelDB do not have. Without it each Query and Scan would leave an iterator open for
// good: 7 KB, and a snapshot that keeps all that is overwritten or deleted later.
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
const figures = { '/_requests': () => counts, '/_iterators': () => iterators }

server.removeAllListeners('request')
server.on('request', (request, response) => {
  if (request.method === 'GET' && Object.hasOwn(figures, request.url)) {
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify(figures[request.url]()))
    return
  }
  const operation = String(request.headers['x-amz-target'] ?? '').split('.')[1]
  if (operation) counts[operation] = (counts[operation] ?? 0) + 1
  // dynalite throws when a client leaves in the middle of its request, which would end it for all.
  const on = request.on.bind(request)
  on('error', () => {})
  request.on = (event, listener) => (event === 'error' ? request : on(event, listener))
  serve(request, response)
})

// Clients keep their connections; a shorter time would end some just as they are used again.
server.keepAliveTimeout = 3_600_000
server.requestTimeout = 0
server.listen(Number(port), '127.0.0.1', () => console.log(server.address().port))

process.stdin.on('end', () => process.exit(0))
process.stdin.resume()
