// Alipay's own Node client, unmodified, against `refundry channel-sim`, with only the
// gateway and the keys of its sim.json. Run by ../channelsim_alipay_test.go:
//
//   REFUNDRY_URL=http://127.0.0.1:9090 REFUNDRY_DEMO_DIR=sim node client.mjs
//
// It signs each request and verifies each answer and notice by itself.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { once } from 'node:events';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { AlipaySdk } from 'alipay-sdk';

const base = process.env.REFUNDRY_URL;
const account = JSON.parse(readFileSync(join(process.env.REFUNDRY_DEMO_DIR, 'sim.json'), 'utf8')).alipay;

// What has not come after this many milliseconds will not come.
const PATIENCE_MS = 30_000;

const client = (change = {}) => new AlipaySdk({
  appId: account.app_id, privateKey: account.app_private_key, keyType: 'PKCS1', alipayPublicKey: account.alipay_public_key,
  gateway: account.gateway, timeout: PATIENCE_MS, ...change,
});
const sdk = client();
const exec = (method, bizContent, more = {}) => sdk.exec(method, { bizContent, ...more }, { validateSign: true });

async function control(method, path, body) {
  const answer = await fetch(`${base}${path}`, { method, body: body && JSON.stringify(body) });
  assert.equal(answer.status, 200, await answer.clone().text());
  return answer.json();
}
const pay = (number, attributes) => control('POST', '/sim/payments', { channel: 'alipay', number, amount: 1000, currency: 'CNY', attributes });
const later = (seconds) => control('POST', '/sim/clock', { advance_seconds: seconds });

// The merchant's receiver of notices.
const received = [];
const receiver = http.createServer((request, response) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    received.push(Object.fromEntries(new URLSearchParams(Buffer.concat(pieces).toString('utf8'))));
    response.end('success');
    receiver.emit('notice');
  });
});
const told = async (wanted) => {
  for (;;) {
    const found = received.find(wanted);
    if (found) return found;
    await once(receiver, 'notice', { signal: AbortSignal.timeout(PATIENCE_MS) });
  }
};
before(async () => {
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
});
after(() => receiver.close());
const here = () => `http://127.0.0.1:${receiver.address().port}/notify`;

test('a refund moves money once, and a query shows it', async () => {
  const { transaction_id: tradeNo } = await pay('SDK-1');
  const paid = await exec('alipay.trade.query', { out_trade_no: 'SDK-1' });
  assert.equal(paid.tradeStatus, 'TRADE_SUCCESS');
  assert.equal(paid.totalAmount, '10.00');
  assert.equal(paid.tradeNo, tradeNo);

  const biz = { trade_no: tradeNo, out_request_no: 'R1', refund_amount: '3.21', refund_reason: '商品/退款', query_options: ['refund_detail_item_list'] };
  const first = await exec('alipay.trade.refund', biz);
  assert.equal(first.code, '10000');
  assert.equal(first.fundChange, 'Y');
  assert.equal(first.refundFee, '3.21');
  const again = await exec('alipay.trade.refund', biz);
  assert.equal(again.fundChange, 'N');
  const other = await exec('alipay.trade.refund', { ...biz, refund_amount: '3.22' });
  assert.equal(other.subCode, 'ACQ.DISCORDANT_REPEAT_REQUEST');

  const found = await exec('alipay.trade.fastpay.refund.query', { out_trade_no: 'SDK-1', out_request_no: 'R1', query_options: ['gmt_refund_pay'] });
  assert.equal(found.refundStatus, 'REFUND_SUCCESS');
  assert.equal(found.refundAmount, '3.21');
  assert.equal(found.refundReason, '商品/退款');
  const none = await exec('alipay.trade.fastpay.refund.query', { out_trade_no: 'SDK-1', out_request_no: 'R2' });
  assert.equal(none.code, '10000');
  assert.equal(none.refundStatus, undefined);

  await later(3);
  const second = await exec('alipay.trade.refund', { ...biz, out_request_no: 'R2', refund_amount: '6.79' });
  assert.equal(second.refundFee, '10.00');
  assert.equal((await exec('alipay.trade.query', { out_trade_no: 'SDK-1' })).tradeStatus, 'TRADE_CLOSED');
});

test('a trade notice verifies, and a changed one does not', async () => {
  await pay('SDK-2');
  await exec('alipay.trade.refund', { out_trade_no: 'SDK-2', out_request_no: 'N1', refund_amount: '1.00' }, { notifyUrl: here() });
  const notice = await told((one) => one.out_biz_no === 'N1');
  assert.equal(notice.refund_fee, '1.00');
  assert.ok(sdk.checkNotifySign({ ...notice }));
  assert.ok(sdk.checkNotifySignV2({ ...notice }));
  assert.ok(!sdk.checkNotifySign({ ...notice, refund_fee: '9.00' }));
});

test('the message about a bank verifies', async () => {
  await control('POST', '/sim/notify', { channel: 'alipay', url: here() });
  await pay('SDK-3', { bank_card: 'CREDIT_CARD' });
  const made = await exec('alipay.trade.refund', { out_trade_no: 'SDK-3', out_request_no: 'B1', refund_amount: '1.00', query_options: ['deposit_back_info'] });
  assert.equal(made.fundChange, 'N');
  await later(2);
  const message = await told((one) => one.msg_method === 'alipay.trade.refund.depositback.completed');
  assert.equal(JSON.parse(message.biz_content).dback_status, 'S');
  assert.ok(sdk.checkNotifySign({ ...message }, true));
  assert.ok(!sdk.checkNotifySign({ ...message, biz_content: message.biz_content.replace('"S"', '"F"') }, true));
});

test('the bill of a day is where the gateway says', async () => {
  await later(48 * 3600);
  const day = new Date(Date.now() + 8 * 3600_000).toISOString().slice(0, 10);
  const bill = await exec('alipay.data.dataservice.bill.downloadurl.query', { bill_type: 'trade', bill_date: day });
  assert.equal(bill.code, '10000');
  const file = Buffer.from(await (await fetch(bill.billDownloadUrl)).arrayBuffer());
  assert.equal(file.subarray(0, 2).toString(), 'PK');
});

test('an answer that is not signed by Alipay is refused by the client', async () => {
  await pay('SDK-4');
  await control('POST', '/sim/faults', { channel: 'alipay', step: 'charge', fault: 'wrong_signature' });
  await assert.rejects(exec('alipay.trade.query', { out_trade_no: 'SDK-4' }), /验签失败/);
  assert.equal((await exec('alipay.trade.query', { out_trade_no: 'SDK-4' })).code, '10000');
});

test('a request that is not signed by the app is refused by the simulator', async () => {
  const { privateKey } = (await import('node:crypto')).generateKeyPairSync('rsa', { modulusLength: 2048 });
  const stranger = client({ privateKey: privateKey.export({ type: 'pkcs1', format: 'pem' }) });
  const answer = await stranger.exec('alipay.trade.query', { bizContent: { out_trade_no: 'SDK-4' } }, { validateSign: true });
  assert.equal(answer.subCode, 'isv.invalid-signature');
});
