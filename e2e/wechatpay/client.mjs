// Two official-style Node clients of WeChat Pay v3, unmodified, against
// `refundry serve --demo` with only their host changed. Run by
// ../wechatpay_test.go, which says where the service is and where its demo
// folder:
//
//   REFUNDRY_URL=http://127.0.0.1:8080 REFUNDRY_DEMO_DIR=./refundry-data/demo node client.mjs
//
// wechatpay-axios-plugin verifies each answer's signature and refuses what
// does not verify; wechatpay-node-v3 verifies nothing, but signs in its own way.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import test, { after, before } from 'node:test';

const require = createRequire(import.meta.url);
const { Wechatpay, Rsa, Aes } = require('wechatpay-axios-plugin');
const WxPay = require('wechatpay-node-v3');
const { PayRequest } = require('wechatpay-node-v3/dist/lib/pay-request');

const base = process.env.REFUNDRY_URL;
const dir = process.env.REFUNDRY_DEMO_DIR;
const demo = JSON.parse(readFileSync(join(dir, 'demo.json'), 'utf8'));
const pem = (name) => readFileSync(join(dir, name));
const wechat = demo.wechatpay;

// What has not come after this many milliseconds will not come.
const PATIENCE_MS = 30_000;

function axiosClient(mchid, certs) {
  return new Wechatpay({
    mchid, serial: wechat.merchant_serial, privateKey: pem('merchant_key.pem'), certs, baseURL: `${base}/`, timeout: PATIENCE_MS,
  });
}
const byCertificate = { [wechat.platform_serial]: pem('platform_cert.pem') };
const byPublicKey = { [wechat.platform_public_key_id]: pem('platform_pub.pem') };
const direct = axiosClient(wechat.mchid, { ...byCertificate, ...byPublicKey });

const node3 = new WxPay({
  appid: 'wx0000000000000000', mchid: wechat.mchid, publicKey: pem('merchant_cert.pem'), privateKey: pem('merchant_key.pem'), key: wechat.apiv3_key,
});
const plain = new PayRequest();
const here = (url) => url.replace('https://api.mch.weixin.qq.com', base);
node3.createHttp({
  get: (url, headers) => plain.get(here(url), headers),
  post: (url, params, headers) => plain.post(here(url), params, headers),
  upload: (url, params, headers) => plain.upload(here(url), params, headers),
});

// The merchant's receiver of notifications.
const received = [];
const receiver = http.createServer((request, response) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    received.push({ headers: request.headers, body: Buffer.concat(pieces).toString('utf8') });
    response.writeHead(204).end();
    receiver.emit('notice');
  });
});
let noticeURL;

before(async () => {
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  noticeURL = `http://127.0.0.1:${receiver.address().port}/notice`;
});
after(() => { receiver.close(); receiver.closeAllConnections(); });

let orders = 0;
// order registers a paid order over the native API.
async function order(total, more = {}) {
  orders += 1;
  const number = `W${Date.now()}${orders}`;
  const answer = await fetch(`${base}/refundry/v1/charges`, {
    method: 'POST', headers: { Authorization: `Bearer ${demo.native.key}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({
      order_no: number, amount: total, currency: 'CNY', channel: 'wx', paid_at: new Date().toISOString(), transaction_id: `42${number}`,
      received_account: '支付用户零钱', funds_account: 'BASIC', identities: { wechatpay: { mchid: wechat.mchid, out_trade_no: number } }, ...more,
    }),
  });
  assert.equal(answer.status, 201, await answer.text());
  return number;
}

async function until(what, look) {
  for (const deadline = Date.now() + PATIENCE_MS; Date.now() < deadline;) {
    const found = await look();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`still not: ${what}`);
}

const query = (client, number) => client.v3.refund.domestic.refunds._out_refund_no_.get({ out_refund_no: number });

test('axios-plugin: the certificate list decrypts and verifies', async () => {
  const { data } = await direct.v3.certificates.get();
  const one = data.data[0];
  const { nonce, ciphertext, associated_data: about } = one.encrypt_certificate;
  const text = Aes.AesGcm.decrypt(ciphertext, wechat.apiv3_key, nonce, about);
  assert.equal(text.trim(), pem('platform_cert.pem').toString('utf8').trim());
  assert.equal(one.serial_no, wechat.platform_serial);
});

for (const [name, serial] of [['certificate', wechat.platform_serial], ['public key', wechat.platform_public_key_id]]) {
  test(`axios-plugin: a refund whose answer the ${name} signs`, async () => {
    const client = axiosClient(wechat.mchid, { [serial]: serial === wechat.platform_serial ? pem('platform_cert.pem') : pem('platform_pub.pem') });
    const number = await order(1000);
    const headers = { 'Wechatpay-Serial': serial };
    const asked = { out_trade_no: number, out_refund_no: `${number}|1*@`, reason: '商品已售完', amount: { refund: 400, total: 1000, currency: 'CNY' } };
    const { status, data } = await client.v3.refund.domestic.refunds.post(asked, { headers });
    assert.equal(status, 200);
    assert.equal(data.out_refund_no, asked.out_refund_no);
    assert.equal(data.amount.payer_refund, 400);
    const { data: again } = await client.v3.refund.domestic.refunds.post(asked, { headers });
    assert.equal(again.refund_id, data.refund_id, 'the same number is the same refund');
    const end = await until('SUCCESS', async () => {
      // This client sends the number's bar as it is, where others escape it.
      const { data: now } = await client.v3.refund.domestic.refunds._out_refund_no_.get({ out_refund_no: asked.out_refund_no, headers });
      return now.status === 'SUCCESS' && now;
    });
    assert.match(end.success_time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00$/);
  });
}

test('axios-plugin: what is refused comes as WeChat Pay says it', async () => {
  const number = await order(1000);
  const ask = (more) => direct.v3.refund.domestic.refunds.post({
    out_trade_no: number, out_refund_no: `${number}R`, amount: { refund: 600, total: 1000, currency: 'CNY' }, ...more,
  });
  await ask();
  const cases = [
    [{ amount: { refund: 601, total: 1000, currency: 'CNY' } }, 400, 'INVALID_REQUEST'], // the number was used for another amount
    [{ out_refund_no: `${number}S` }, 400, 'INVALID_REQUEST'], // more than is left
    [{ out_refund_no: `${number}T`, out_trade_no: 'NO_SUCH_ORDER' }, 404, 'RESOURCE_NOT_EXISTS'],
    [{ out_refund_no: `${number}U`, amount: { refund: 0, total: 1000, currency: 'CNY' } }, 400, 'PARAM_ERROR'],
    [{ out_refund_no: `${number}V`, amount: { refund: 1, total: 999, currency: 'CNY' } }, 400, undefined],
  ];
  for (const [more, status, code] of cases) {
    await assert.rejects(ask(more), ({ response }) => {
      assert.equal(response.status, status, JSON.stringify(response.data));
      if (code) assert.equal(response.data.code, code, JSON.stringify(response.data));
      return true;
    });
  }
  await assert.rejects(query(direct, 'NO_SUCH_REFUND'), ({ response }) => response.status === 404 && response.data.code === 'RESOURCE_NOT_EXISTS');
});

test('axios-plugin: the notification verifies and decrypts', async () => {
  const number = await order(1000);
  const { data } = await direct.v3.refund.domestic.refunds.post({
    out_trade_no: number, out_refund_no: `${number}N`, notify_url: noticeURL, amount: { refund: 300, total: 1000, currency: 'CNY' },
  });
  const { headers, resource, event } = await until('the notification', async () => {
    for (const one of received) {
      const parsed = JSON.parse(one.body);
      const { ciphertext, nonce, associated_data: about } = parsed.resource;
      const opened = JSON.parse(Aes.AesGcm.decrypt(ciphertext, wechat.apiv3_key, nonce, about));
      if (opened.refund_id === data.refund_id) return { headers: one.headers, resource: opened, event: { ...parsed, raw: one.body } };
    }
    return false;
  });
  assert.equal(event.event_type, 'REFUND.SUCCESS');
  assert.equal(resource.refund_status, 'SUCCESS');
  assert.deepEqual(resource.amount, { total: 1000, refund: 300, payer_total: 1000, payer_refund: 300 });
  const key = headers['wechatpay-serial'] === wechat.platform_public_key_id ? pem('platform_pub.pem') : pem('platform_cert.pem');
  const message = `${headers['wechatpay-timestamp']}\n${headers['wechatpay-nonce']}\n${event.raw}\n`;
  assert.ok(Rsa.verify(message, headers['wechatpay-signature'], key), 'the signature');
});

test('axios-plugin: a partner refunds for its sub-merchant', async () => {
  const partner = axiosClient(wechat.sp_mchid, { ...byCertificate, ...byPublicKey });
  const order = '1217752501201407033233368018';
  const { data } = await partner.v3.refund.domestic.refunds.post({
    sub_mchid: wechat.sub_mchid, out_trade_no: order, out_refund_no: `P${Date.now()}`, amount: { refund: 500, total: 1000, currency: 'CNY' },
  });
  assert.deepEqual([data.amount.payer_refund, data.amount.discount_refund, data.amount.settlement_refund], [400, 100, 450]);
  const { data: seen } = await partner.v3.refund.domestic.refunds._out_refund_no_.get({
    out_refund_no: data.out_refund_no, params: { sub_mchid: wechat.sub_mchid },
  });
  assert.equal(seen.refund_id, data.refund_id);
});

test('axios-plugin: an abnormal refund goes to another card', async () => {
  const number = await order(1000);
  const asked = { out_trade_no: number, out_refund_no: `${number}A`, amount: { refund: 152, total: 1000, currency: 'CNY' } };
  const { data } = await direct.v3.refund.domestic.refunds.post(asked);
  await until('ABNORMAL', async () => (await query(direct, asked.out_refund_no)).data.status === 'ABNORMAL');
  const seal = (text) => Rsa.encrypt(text, pem('platform_pub.pem'));
  await direct.v3.refund.domestic.refunds._refund_id_.applyAbnormalRefund.post({
    out_refund_no: asked.out_refund_no, type: 'USER_BANK_CARD', bank_type: 'CMB_DEBIT', bank_account: seal('6222020000000403'), real_name: seal('张三'),
  }, { refund_id: data.refund_id, headers: { 'Wechatpay-Serial': wechat.platform_public_key_id } });
  const end = await until('SUCCESS', async () => {
    const { data: now } = await query(direct, asked.out_refund_no);
    return now.status === 'SUCCESS' && now;
  });
  assert.equal(end.channel, 'OTHER_BANKCARD');
  assert.match(end.user_received_account, /0403$/);
});

test('node-v3: a refund, its number with a bar, and what is refused', async () => {
  const number = await order(1000);
  const made = await node3.refunds({ out_trade_no: number, out_refund_no: `${number}|3`, amount: { refund: 100, total: 1000, currency: 'CNY' } });
  assert.equal(made.status, 200, JSON.stringify(made));
  const seen = await node3.find_refunds(`${number}|3`);
  assert.equal(seen.status, 200, JSON.stringify(seen));
  assert.equal(seen.data.refund_id, made.data.refund_id);
  const none = await node3.find_refunds('NO_SUCH_REFUND');
  assert.equal(none.status, 404);
  assert.equal(JSON.parse(none.error).code, 'RESOURCE_NOT_EXISTS');
  const certificates = await node3.get_certificates(wechat.apiv3_key);
  assert.deepEqual(certificates.map((one) => one.serial_no), [wechat.platform_serial]);
  assert.match(certificates[0].publicKey, /BEGIN PUBLIC KEY/);
});
