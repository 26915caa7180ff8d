// The official Node client, unmodified, against `refundry serve --demo` with
// only its host changed. Run by ../pingpp_test.go, which says where the service
// is and where its demo folder:
//
//   REFUNDRY_URL=http://127.0.0.1:8080 REFUNDRY_DEMO_DIR=./refundry-data/demo node client.mjs
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import test, { after, before } from 'node:test';

// Which release speaks: the folder of node_modules that it is in.
const { default: Pingpp } = await import(process.env.REFUNDRY_CLIENT ?? 'pingpp');

const base = new URL(process.env.REFUNDRY_URL);
const demoDir = process.env.REFUNDRY_DEMO_DIR;
const demo = JSON.parse(readFileSync(join(demoDir, 'demo.json'), 'utf8'));
const publicKey = readFileSync(join(demoDir, 'platform_pub.pem'), 'utf8');
const app = demo.pingpp.app;

// A webhook that has not come after this many milliseconds will not come.
const PATIENCE_MS = 30_000;

function clientWith(key) {
  const client = Pingpp(key);
  client.setHost(base.hostname, base.port, 'http');
  // Without one the client would wait for ever where the service hangs.
  client.setTimeout(PATIENCE_MS);
  return client;
}

const pingpp = clientWith(demo.pingpp.key);

let orders = 0;
function createCharge(amount, more = {}) {
  orders += 1;
  return pingpp.charges.create({
    order_no: `E${Date.now()}${orders}`, app: { id: app }, channel: 'alipay', amount, client_ip: '127.0.0.1', currency: 'cny',
    subject: '苹果', body: '一箱苹果', metadata: { color: 'red' }, ...more,
  });
}

// The merchant's webhook receiver. It keeps what came, and who waits is told.
const received = [];
const receiver = http.createServer((request, response) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    received.push({ headers: request.headers, body: Buffer.concat(pieces) });
    response.end('success');
    receiver.emit('webhook');
  });
});

async function webhookAbout(refundID, type) {
  const deadline = AbortSignal.timeout(PATIENCE_MS);
  for (;;) {
    for (const one of received) {
      const event = JSON.parse(one.body);
      if (event.type === type && event.data.object.id === refundID) {
        return { ...one, event };
      }
    }
    await once(receiver, 'webhook', { signal: deadline });
  }
}

before(async () => {
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const answer = await fetch(new URL('/refundry/v1/endpoints', base), {
    method: 'POST',
    headers: { Authorization: `Bearer ${demo.native.key}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({
      url: `http://127.0.0.1:${receiver.address().port}/webhooks`, dialect: 'pingpp', events: ['refund.succeeded', 'refund.failed'],
    }),
  });
  assert.ok(answer.ok, `register endpoint: ${answer.status} ${await answer.text()}`);
});

after(() => {
  receiver.closeAllConnections();
  receiver.close();
});

test('a charge is created, refunded in part, and retrieved', async () => {
  const charge = await createCharge(1000);
  assert.equal(charge.object, 'charge');
  assert.equal(charge.paid, true);
  assert.equal(charge.refunded, false);
  assert.deepEqual(charge.metadata, { color: 'red' });
  assert.deepEqual(charge.credential, {});

  const refund = await pingpp.charges.createRefund(charge.id, { amount: 300, description: '苹果被咬了一口。', metadata: { a: '1' } });
  assert.equal(refund.object, 'refund');
  assert.equal(refund.status, 'succeeded');
  assert.equal(refund.succeed, true);
  assert.equal(refund.amount, 300);
  assert.equal(refund.charge, charge.id);
  assert.equal(refund.charge_order_no, charge.order_no);
  assert.equal(refund.order_no, refund.id.slice(3));
  assert.equal(refund.description, '苹果被咬了一口。');
  assert.deepEqual(refund.metadata, { a: '1' });
  assert.ok(Number.isInteger(refund.time_succeed));

  assert.deepEqual(await pingpp.charges.retrieveRefund(charge.id, refund.id), refund);
  const after = await pingpp.charges.retrieve(charge.id);
  assert.equal(after.refunded, true);
  assert.equal(after.amount_refunded, 300);
  assert.deepEqual(after.refunds.data, [refund]);
});

test('the published example works with nothing but the host changed', async () => {
  const refund = await pingpp.charges.createRefund('ch_L8qn10mLmr1GS8e5OODmHaL4', { description: 'Refund Description' });
  assert.equal(refund.status, 'succeeded');
  assert.equal(refund.amount, 100);
  assert.deepEqual(Object.keys(refund), [
    'id', 'object', 'order_no', 'amount', 'created', 'succeed', 'status', 'time_succeed', 'description', 'failure_code', 'failure_msg',
    'metadata', 'charge', 'charge_order_no', 'transaction_no', 'funding_source', 'extra',
  ]);
});

test('callbacks work as promises do', async () => {
  const charge = await createCharge(100);
  const found = await new Promise((resolve, reject) => {
    pingpp.charges.retrieve(charge.id, (err, object) => (err ? reject(err) : resolve(object)));
  });
  assert.deepEqual(found, charge);
});

test('refunds are listed with paging both ways', async () => {
  const charge = await createCharge(500);
  const made = [];
  for (let n = 0; n < 5; n += 1) {
    made.unshift((await pingpp.charges.createRefund(charge.id, { amount: 100, description: `number ${n}` })).id);
  }
  const page = async (params) => {
    const list = await pingpp.charges.listRefunds(charge.id, params);
    assert.equal(list.object, 'list');
    assert.equal(list.url, `/v1/charges/${charge.id}/refunds`);
    return [list.data.map((refund) => refund.id), list.has_more];
  };
  assert.deepEqual(await page({}), [made, false]);
  assert.deepEqual(await page({ limit: 2 }), [made.slice(0, 2), true]);
  assert.deepEqual(await page({ limit: 2, starting_after: made[1] }), [made.slice(2, 4), true]);
  assert.deepEqual(await page({ limit: 2, starting_after: made[3] }), [made.slice(4), false]);
  assert.deepEqual(await page({ limit: 2, ending_before: made[4] }), [made.slice(2, 4), true]);
  assert.deepEqual(await page({ limit: 2, ending_before: made[2] }), [made.slice(0, 2), false]);
});

test('charges are listed by app', async () => {
  const charge = await createCharge(100);
  const list = await pingpp.charges.list({ app: { id: app }, limit: 1, paid: true, refunded: false });
  assert.equal(list.url, '/v1/charges');
  assert.deepEqual(list.data, [charge]);
});

test('errors come as the client\'s own types', async () => {
  const charge = await createCharge(100);
  const refuses = (promise, type, part) => assert.rejects(promise, (err) => {
    assert.equal(err.type, type);
    assert.equal(err.param, part.param);
    assert.equal(err.message, part.message);
    return true;
  });
  await refuses(clientWith('sk_test_000000000000000000000000').charges.retrieve(charge.id), 'PingppAuthenticationError', {
    message: `提供了无效的 API KEY: sk_test_${'*'.repeat(25)}。`,
  });
  // A key for one call is recognised by its 32 characters.
  await refuses(pingpp.charges.retrieve(charge.id, 'sk_test_000000000000000000000000'), 'PingppAuthenticationError', {
    message: `提供了无效的 API KEY: sk_test_${'*'.repeat(25)}。`,
  });
  await refuses(pingpp.charges.retrieve('ch_000000000000000000000000'), 'PingppInvalidRequest', {
    param: 'id', message: '未找到 charge : ch_000000000000000000000000。',
  });
  await refuses(pingpp.charges.retrieveRefund(charge.id, 're_000000000000000000000000'), 'PingppInvalidRequest', {
    param: 'id', message: '未找到 refund : re_000000000000000000000000。',
  });
  await refuses(pingpp.charges.createRefund(charge.id, { amount: 101, description: 'one fen too much' }), 'PingppInvalidRequest', {
    param: 'amount', message: '退款金额超过了可退款金额。',
  });
  await refuses(pingpp.charges.createRefund(charge.id, {}), 'PingppInvalidRequest', {
    param: 'description', message: '缺少必需的参数 description。',
  });
  await pingpp.charges.createRefund(charge.id, { description: 'all of it' });
  await refuses(pingpp.charges.createRefund(charge.id, { description: 'once more' }), 'PingppInvalidRequest', {
    message: `不能对订单号 ${charge.order_no} 发起退款，因为已经全额退款了。Charge id: ${charge.id}。`,
  });
  assert.equal((await pingpp.charges.retrieve(charge.id)).amount_refunded, 100);
});

test('a refund that the channel refuses is no error', async () => {
  const charge = await createCharge(1000);
  const refund = await pingpp.charges.createRefund(charge.id, { amount: 151, description: 'ends in 51' });
  assert.equal(refund.status, 'failed');
  assert.equal(refund.succeed, false);
  assert.equal(refund.failure_code, 'refund_refused_msg');
  assert.match(refund.failure_msg, /^退款 alipay 已被支付渠道拒绝。来自渠道的信息：/);
  const after = await pingpp.charges.retrieve(charge.id);
  assert.equal(after.refunded, true);
  assert.equal(after.amount_refunded, 0);
  await webhookAbout(refund.id, 'refund.failed');
});

test('of many at once no more is refunded than was paid', async () => {
  const charge = await createCharge(100);
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => (
    pingpp.charges.createRefund(charge.id, { amount: 70, description: 'all at once' })
  )));
  assert.equal(outcomes.filter((outcome) => outcome.status === 'fulfilled').length, 1);
  for (const outcome of outcomes.filter((one) => one.status === 'rejected')) {
    assert.equal(outcome.reason.param, 'amount');
  }
  assert.equal((await pingpp.charges.retrieve(charge.id)).amount_refunded, 70);
});

test('a client that signs its requests is answered as well', async () => {
  const signing = clientWith(demo.pingpp.key);
  signing.setPrivateKeyPath(join(demoDir, 'merchant_key.pem'));
  const charge = await createCharge(100);
  const refund = await signing.charges.createRefund(charge.id, { amount: 1, description: 'signed' });
  assert.equal(refund.status, 'succeeded');
});

test('the webhook comes, signed with the platform\'s key, and its event can be retrieved', async () => {
  const charge = await createCharge(1000);
  const refund = await pingpp.charges.createRefund(charge.id, { amount: 10, description: '苹果' });
  const { headers, body, event } = await webhookAbout(refund.id, 'refund.succeeded');

  const verify = (text) => crypto.createVerify('RSA-SHA256').update(text).verify(publicKey, headers['x-pingplusplus-signature'], 'base64');
  assert.equal(verify(body), true);
  assert.equal(verify(Buffer.concat([body, Buffer.from(' ')])), false);
  assert.match(headers['content-type'], /^application\/json/);
  assert.equal(body.toString(), JSON.stringify(event), 'the body is compact JSON');

  assert.deepEqual(Object.keys(event), ['id', 'created', 'livemode', 'type', 'data', 'object', 'pending_webhooks', 'request']);
  assert.equal(event.object, 'event');
  assert.equal(event.livemode, false);
  assert.equal(event.pending_webhooks, 1);
  assert.deepEqual(event.data.object, refund);

  const found = await pingpp.events.retrieve(event.id);
  assert.deepEqual({ ...found, pending_webhooks: 1 }, event);
});
