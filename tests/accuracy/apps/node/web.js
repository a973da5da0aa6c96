// SPDX-License-Identifier: GPL-2.0-only
/*
 * /Q10031 makes three calls whose text holds K10031:1 to :3 (score.py). FRAMEWORK, CLIENT, SHAPE and POOL are environment
 * variables, as are PORT, REDIS_PORT, POSTGRES_URL, MYSQL_PORT, UPSTREAM_PORT. GC=10 collects garbage every 10 ms, TICK=5
 * makes a call that is nobody's every 5 ms.
 */
const http = require('http'), net = require('net');
const { PORT, REDIS_PORT, POSTGRES_URL, MYSQL_PORT, UPSTREAM_PORT, GC, TICK } = process.env;
const { FRAMEWORK = 'http', CLIENT = 'raw', SHAPE = 'sequence', MIDDLEWARE } = process.env;
const POOL = +process.env.POOL;
const HUNG = 80000; /* requests that are never answered */
const sleep = ms => new Promise(done => setTimeout(done, ms));
const pause = () => sleep(Math.random() * 5);

/* ---- clients: call(text) makes one call whose text holds `text` ---- */

class Connection {
  constructor() {
    this.waiting = [];
    this.socket = net.connect(+REDIS_PORT, '127.0.0.1');
    this.socket.setNoDelay(true);
    this.socket.on('data', data => { /* one reply of nil each: "$-1" and an end of line */
      for (let i = 0; i < data.length / 5; i++) this.waiting.shift()(null);
    });
  }
  get(key) {
    this.socket.write(`*2\r\n$3\r\nGET\r\n$${key.length}\r\n${key}\r\n`);
    return new Promise(done => this.waiting.push(done));
  }
}

/* A pool of promises: who finds no connection waits for one that is given back. */
function pooled(make) {
  const free = [], waiting = [];
  for (let i = 0; i < POOL; i++) free.push(make());
  return async text => {
    const connection = free.pop() || await new Promise(done => waiting.push(done));
    try {
      return await connection.get(text);
    } finally {
      const next = waiting.shift();
      next ? next(connection) : free.push(connection);
    }
  };
}

/* Some connections that all calls share. */
function shared(make) {
  const all = Array.from({ length: Math.min(POOL, 8) }, make);
  let turn = 0;
  return text => all[turn++ % all.length].get(text);
}

/* What is asked for in one turn of the loop goes out in one write, from an immediate that nobody's context is in. */
function batched() {
  const batch = [], only = new Connection();
  return key => {
    if (!batch.length) {
      setImmediate(() => only.socket.write(batch.splice(0).map(k => `*2\r\n$3\r\nGET\r\n$${k.length}\r\n${k}\r\n`).join('')));
    }
    batch.push(key);
    return new Promise(done => only.waiting.push(done));
  };
}

function send(connection, key, done) {
  connection.socket.write(`*2\r\n$3\r\nGET\r\n$${key.length}\r\n${key}\r\n`);
  connection.waiting.push(done);
}

/* A pool of callbacks: who gives a connection back runs the callback of whoever waits for one; some live on for a while. */
function given() {
  const free = [], waiting = [];
  for (let i = 0; i < POOL; i++) free.push(new Connection());
  const take = run => { free.length ? run(free.pop()) : waiting.push(run); };
  const give = connection => { waiting.length ? waiting.shift()(connection) : free.push(connection); };
  const query = key => new Promise(done => take(c => send(c, key, () => { give(c); done(); })));
  const linger = async key => {
    const connection = await new Promise(take);
    await connection.get(key);
    give(connection);
    await sleep(20);
  };
  return key => (/[02468]:/.test(key) ? query : linger)(key);
}

/* What takes the answer is a callback; the promise that it settles is of whoever waits for the connection. */
function handed() {
  const free = [], waiting = [];
  for (let i = 0; i < POOL; i++) free.push(new Connection());
  return key => new Promise(async done => {
    const connection = free.pop() || await new Promise(next => waiting.push(next));
    send(connection, key, () => {
      waiting.length ? waiting.shift()(connection) : free.push(connection);
      setTimeout(done, 1);
    });
  });
}

function request(agent, text) {
  return new Promise((done, failed) => {
    const asked = http.get({ port: UPSTREAM_PORT, path: '/' + text, agent }, answer => {
      answer.on('end', done);
      answer.resume();
    });
    asked.on('error', failed);
  });
}

const redis_options = { port: +REDIS_PORT, host: '127.0.0.1', lazyConnect: false };
const clients = {
  raw: () => pooled(() => new Connection()),
  batched, given, handed,
  one: () => { const only = new Connection(); return text => only.get(text); },
  ioredis: () => shared(() => new (require('ioredis'))(redis_options)),
  'ioredis-pool': () => pooled(() => new (require('ioredis'))(redis_options)),
  async redis() {
    const client = require(process.env.REDIS_PACKAGE || 'redis').createClient({ url: `redis://127.0.0.1:${REDIS_PORT}` });
    await client.connect();
    return text => client.get(text);
  },
  pg() {
    const pool = new (require('pg').Pool)({ connectionString: POSTGRES_URL, max: POOL });
    return text => pool.query(`SELECT 1 AS "${text}"`);
  },
  'pg-connect'() {
    const pool = new (require('pg').Pool)({ connectionString: POSTGRES_URL, max: POOL });
    return async text => {
      const client = await pool.connect();
      try {
        await client.query({ text: `SELECT $1::int AS "${text}"`, values: [1] });
      } finally {
        client.release();
      }
    };
  },
  mysql2() {
    const pool = require('mysql2/promise').createPool({ host: '127.0.0.1', port: +MYSQL_PORT, user: 'root', connectionLimit: POOL });
    return text => pool.query(`SELECT 1 AS \`${text}\``);
  },
  fetch: () => async text => (await fetch(`http://127.0.0.1:${UPSTREAM_PORT}/${text}`)).text(),
  http() {
    const agent = new http.Agent({ keepAlive: true, maxSockets: POOL });
    return text => request(agent, text);
  },
  none: () => async () => {},
};
let call;

/* ---- shapes ---- */

async function* numbers() { yield 2; await sleep(1); yield 3; }

const shapes = {
  async sequence(n) {
    await call(`K${n}:1`);
    await pause();
    await call(`K${n}:2`);
    await call(`K${n}:3`);
  },
  async all(n) {
    await call(`K${n}:1`);
    await pause();
    await Promise.all([call(`K${n}:2`), call(`K${n}:3`)]);
  },
  async nested(n) {
    const inner = async i => { await pause(); await call(`K${n}:${i}`); };
    await Promise.all([inner(1), (async () => { await inner(2); await inner(3); })()]);
  },
  then(n) {
    return call(`K${n}:1`).then(pause).then(() => call(`K${n}:2`)).then(() => call(`K${n}:3`));
  },
  async ugly(n) {
    queueMicrotask(() => {});
    try { await call(`K${n}:1`); await Promise.reject(new Error('expected')); } catch { await sleep(1); }
    for await (const i of numbers()) await call(`K${n}:${i}`);
  },
  /* No promise ties these to their request. */
  callback(n) {
    return new Promise(done => setTimeout(() => call(`K${n}:1`).then(() => setImmediate(() => call(`K${n}:2`).then(() =>
      process.nextTick(() => call(`K${n}:3`).then(done)))))));
  },
  /* These callbacks await. */
  timers(n) {
    return new Promise(done => setTimeout(async () => {
      await call(`K${n}:1`);
      setImmediate(async () => {
        await call(`K${n}:2`);
        require('fs').stat('/', async () => { await call(`K${n}:3`); done(); });
      });
    }, Math.random() * 5));
  },
  async retry(n) {
    for (let i = 1; i < 4; i++) {
      try {
        await call(`K${n}:${i}`);
        if (i < 3) throw new Error('again');
      } catch {
        await sleep(2 ** i);
      }
    }
  },
  /* What works on after the answer is nobody's. */
  async after(n) {
    for (const i of [1, 2, 3]) await call(`K${n}:${i}`);
    sleep(20).then(() => call(`L${n}:4`));
  },
  async timeouts(n) {
    for (const i of [1, 2, 3]) await call(`K${n}:${i}`);
    setTimeout(async () => { await call(`L${n}:5`); await call(`L${n}:6`); }, 20 + Math.random() * 5);
  },
  async abort(n) {
    const gone = new AbortController();
    const lost = (async () => {
      await call(`K${n}:2`);
      await new Promise((done, failed) => {
        const timer = setTimeout(done, 60000);
        gone.signal.addEventListener('abort', () => { clearTimeout(timer); failed(new Error('aborted')); });
      });
      await call(`L${n}:2`);
    })();
    await call(`K${n}:1`);
    setTimeout(() => gone.abort(), 15);
    await lost.catch(() => {});
    await call(`K${n}:3`);
  },
  async many(n) {
    await Promise.all(Array.from({ length: 500 }, (_, i) => call(`K${n}:${i}`)));
  },
};

async function work(n) {
  if (n >= HUNG && n < HUNG + 1000) {
    await call(`K${n}:1`);
    await new Promise(() => {});
  }
  await shapes[SHAPE](n);
  return 'R' + n;
}

/* ---- frameworks ---- */

const frameworks = {
  http() {
    http.createServer(async (request, response) => {
      response.end(await work(request.url.slice(2)));
    }).listen(+PORT, '127.0.0.1');
  },
  express() {
    const application = require('express')();
    if (MIDDLEWARE === 'callback') /* no promise ties what follows to what came before */
      application.use((request, response, next) => setImmediate(next));
    application.get('/Q:n', async (request, response) => response.send(await work(request.params.n)));
    application.listen(+PORT, '127.0.0.1');
  },
  fastify() {
    const application = require('fastify')();
    application.get('/Q:n', async request => work(request.params.n));
    application.listen({ port: +PORT, host: '127.0.0.1' });
  },
  koa() {
    const application = new (require('koa'))();
    application.use(async (context, next) => { await next(); });
    application.use(async context => { context.body = await work(context.path.slice(2)); });
    application.listen(+PORT, '127.0.0.1');
  },
};

async function main() {
  call = await clients[CLIENT]();
  if (GC) setInterval(() => globalThis.gc(), +GC);
  if (TICK) setInterval(() => call('L0:1'), +TICK);
  frameworks[FRAMEWORK]();
}

main();
