// DynamoDB in memory for one run: dynalite on a free port of 127.0.0.1, which it prints as its only
// line. `GET /_requests` tells how often each operation was called. It ends when stdin does, so it
// does not outlive whoever started it.
import dynalite from 'dynalite'

const server = dynalite({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 })
const [serve] = server.listeners('request')
const counts = Object.create(null)

server.removeAllListeners('request')
server.on('request', (request, response) => {
  if (request.method === 'GET' && request.url === '/_requests') {
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify(counts))
    return
  }
  const operation = String(request.headers['x-amz-target'] ?? '').split('.')[1]
  if (operation) counts[operation] = (counts[operation] ?? 0) + 1
  serve(request, response)
})

// Clients keep their connections; a shorter time would end some just as they are used again.
server.keepAliveTimeout = 3_600_000
server.requestTimeout = 0
server.listen(0, '127.0.0.1', () => console.log(server.address().port))

process.stdin.on('end', () => process.exit(0))
process.stdin.resume()
