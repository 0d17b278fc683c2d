// What the benchmark asks of every peer, in Node with Fastify: a sleep, four calls to a remote API with undici, four
// queries with pg. Settings from the environment: PORT, REMOTE, CALLS, QUERIES, PGHOST...
'use strict'
const { setTimeout: sleep } = require('node:timers/promises')
const fastify = require('fastify')({ logger: false })
const undici = require('undici')
const pg = require('pg')

const remote = new URL(process.env.REMOTE)
const client = new undici.Pool(remote.origin, { connections: Number(process.env.CALLS), pipelining: 1 })
const pool = new pg.Pool({ max: Number(process.env.QUERIES), idleTimeoutMillis: 0 })

const answers = properties => ({ schema: { response: { 200: { type: 'object', properties } } } })
const slept = answers({ status: { type: 'string' } })
const total = answers({ count: { type: 'integer' }, total: { type: 'integer' } })
const sum = values => ({ count: values.length, total: values.reduce((a, b) => a + b, 0) })

fastify.get('/sleep', slept, async () => {
  await sleep(10)
  return { status: 'slept' }
})

async function call () {
  const { statusCode, body } = await client.request({ path: remote.pathname, method: 'GET' })
  if (statusCode !== 200) throw new Error(`the remote answered ${statusCode}`)
  return (await body.json()).value
}

fastify.get('/calls', total, async () => sum(await Promise.all([call(), call(), call(), call()])))

async function query (number) {
  const { rows } = await pool.query({ name: 'query', text: 'select $1::int as number from pg_sleep(0.002)', values: [number] })
  return rows[0].number
}

fastify.get('/queries', total, async () => sum(await Promise.all([query(1), query(2), query(3), query(4)])))

fastify.listen({ host: '127.0.0.1', port: Number(process.env.PORT), backlog: 4096 })
