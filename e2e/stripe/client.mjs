// Stripe's own Node client, unmodified, against `refundry channel-sim`, with only the host
// and the keys of its sim.json. Run by ../channelsim_stripe_test.go:
//
//   REFUNDRY_URL=http://127.0.0.1:9090 REFUNDRY_DEMO_DIR=sim node client.mjs
//
// It sends an idempotency key with each POST and verifies each event by itself.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { once } from 'node:events';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import Stripe from 'stripe';

const base = new URL(process.env.REFUNDRY_URL);
const account = JSON.parse(readFileSync(join(process.env.REFUNDRY_DEMO_DIR, 'sim.json'), 'utf8')).stripe;
const at = { host: base.hostname, port: base.port, protocol: 'http', telemetry: false };
const stripe = new Stripe(account.secret_key, { ...at, maxNetworkRetries: 0 });

async function control(path, body) {
  const answer = await fetch(new URL(path, base), { method: 'POST', body: JSON.stringify(body) });
  assert.equal(answer.status, 200, await answer.clone().text());
  return answer.json();
}
const pay = async (number, currency = 'USD', amount = 1000) =>
  (await control('/sim/payments', { channel: 'stripe', number, amount, currency })).transaction_id;
const later = (seconds) => control('/sim/clock', { advance_seconds: seconds });

// The merchant's receiver of events.
const received = [];
const receiver = http.createServer((request, response) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    received.push({ body: Buffer.concat(pieces).toString('utf8'), signature: request.headers['stripe-signature'] });
    response.end();
    receiver.emit('event');
  });
});
const told = async (wanted) => {
  for (;;) {
    for (const one of received) {
      const event = stripe.webhooks.constructEvent(one.body, one.signature, account.webhook_secret);
      if (wanted(event)) return event;
    }
    await once(receiver, 'event', { signal: AbortSignal.timeout(30_000) });
  }
};
const refused = (promise, type, code) => assert.rejects(promise, (error) => {
  assert.ok(error instanceof Stripe.errors[type], `${error}`);
  assert.equal(error.code, code, `${error}`);
  return true;
});

before(async () => {
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  await control('/sim/notify', { channel: 'stripe', url: `http://127.0.0.1:${receiver.address().port}` });
});
after(() => receiver.close());

test('a refund is made, found and announced', async () => {
  const charge = await pay('ORDER0001');
  const made = await stripe.refunds.create({ charge, amount: 300, reason: 'requested_by_customer', metadata: { number: 'R1' } });
  assert.equal(made.status, 'pending');
  assert.ok(made.lastResponse.requestId);
  const created = await told((e) => e.type === 'refund.created' && e.data.object.id === made.id);
  assert.equal(created.api_version, '2026-06-24.dahlia');
  await later(5);
  await told((e) => e.type === 'refund.updated' && e.data.object.id === made.id && e.data.object.status === 'succeeded');
  await told((e) => e.type === 'charge.refunded' && e.data.object.id === charge && e.data.object.amount_refunded === 300);
  const got = await stripe.refunds.retrieve(made.id, { expand: ['charge', 'payment_intent.latest_charge'] });
  assert.equal(got.status, 'succeeded');
  assert.equal(got.charge.amount_refunded, 300);
  assert.equal(got.payment_intent.latest_charge.id, charge);
  const found = await stripe.charges.search({ query: "metadata['order_id']:'ORDER0001'" });
  assert.deepEqual(found.data.map((one) => one.id), [charge]);
  const balance = await stripe.balance.retrieve();
  assert.equal(balance.object, 'balance');
});

test('a key makes a repeat harmless for a day', async () => {
  const charge = await pay('ORDER0002');
  const once = () => stripe.refunds.create({ charge, amount: 100, metadata: { number: 'R2' } }, { idempotencyKey: 'key-2' });
  const [first, again] = [await once(), await once()];
  assert.equal(again.id, first.id);
  assert.equal(again.lastResponse.headers['idempotent-replayed'], 'true');
  await refused(stripe.refunds.create({ charge, amount: 101 }, { idempotencyKey: 'key-2' }), 'StripeIdempotencyError', undefined);
  await later(24 * 3600);
  assert.notEqual((await once()).id, first.id);
});

test('what Stripe refuses, the client throws', async () => {
  const charge = await pay('ORDER0003');
  await refused(stripe.refunds.create({ charge, amount: 1001 }), 'StripeInvalidRequestError', undefined);
  await refused(stripe.refunds.create({ charge: 'ch_none' }), 'StripeInvalidRequestError', 'resource_missing');
  await stripe.refunds.create({ charge });
  await refused(stripe.refunds.create({ charge, amount: 1 }), 'StripeInvalidRequestError', 'charge_already_refunded');
  await refused(new Stripe('sk_test_other', at).balance.retrieve(), 'StripeAuthenticationError', 'api_key_invalid');
  await control('/sim/faults', { channel: 'stripe', step: 'query', fault: 'throttle' });
  await refused(stripe.refunds.list({ charge }), 'StripeRateLimitError', 'rate_limit');
});

test('refunds of a charge are listed to the last page', async () => {
  const charge = await pay('ORDER0004');
  for (let n = 0; n < 12; n += 1) await stripe.refunds.create({ charge, amount: 1, metadata: { number: `L${n}` } });
  const numbers = [];
  for await (const one of stripe.refunds.list({ charge, limit: 5 })) numbers.push(one.metadata.number);
  assert.deepEqual(numbers, Array.from({ length: 12 }, (_, n) => `L${11 - n}`));
});

test('a currency of three decimals, and one of none', async () => {
  const dinar = await pay('ORDER0005', 'KWD', 5000);
  assert.equal((await stripe.refunds.create({ charge: dinar, amount: 1250 })).currency, 'kwd');
  await refused(stripe.refunds.create({ charge: dinar, amount: 1255 }), 'StripeInvalidRequestError', 'invalid_charge_amount');
  const yen = await pay('ORDER0006', 'JPY', 500);
  assert.equal((await stripe.refunds.create({ charge: yen, amount: 7 })).amount, 7);
});

test('metadata is changed, and a refund that waits for its payer canceled', async () => {
  const made = await stripe.refunds.create({ charge: await pay('ORDER0007'), metadata: { number: 'R7' } });
  const changed = await stripe.refunds.update(made.id, { metadata: { note: 'n' } });
  assert.deepEqual(changed.metadata, { number: 'R7', note: 'n' });
  await control('/sim/refunds/R7', { state: 'abnormal' });
  assert.equal((await stripe.refunds.cancel(made.id)).status, 'canceled');
});

test('a dispute is announced, and blocks refunds while it lasts', async () => {
  const charge = await pay('ORDER0008');
  await control('/sim/disputes', { channel: 'stripe', order_no: 'ORDER0008', status: 'needs_response' });
  const opened = await told((e) => e.type === 'charge.dispute.created' && e.data.object.charge === charge);
  await told((e) => e.type === 'charge.dispute.funds_withdrawn' && e.data.object.id === opened.data.object.id);
  await refused(stripe.refunds.create({ charge }), 'StripeInvalidRequestError', 'charge_disputed');
  assert.equal((await stripe.disputes.retrieve(opened.data.object.id)).status, 'needs_response');
  await control('/sim/disputes', { channel: 'stripe', order_no: 'ORDER0008', status: 'won' });
  await told((e) => e.type === 'charge.dispute.closed' && e.data.object.status === 'won');
  await told((e) => e.type === 'charge.dispute.funds_reinstated');
  await stripe.refunds.create({ charge });
});

test('a refund comes back', async () => {
  const made = await stripe.refunds.create({ charge: await pay('ORDER0009'), metadata: { number: 'R9' } });
  await later(5);
  await control('/sim/refunds/R9', { state: 'returned' });
  const failed = await told((e) => e.type === 'refund.failed' && e.data.object.id === made.id);
  assert.equal(failed.data.object.failure_reason, 'expired_or_canceled_card');
});
