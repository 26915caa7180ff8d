package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	client "github.com/refundry/refundry/e2e/strictclienttest"
	"github.com/refundry/refundry/store/storetest"
)

// throughs are a refund of each dialect over each channel that is really another
// one's, with the program's own simulator on the other side.
var throughs = []struct {
	name, channel, takes string
	amount               int64
	currency             string
	exponent             int
	attributes           string
	more                 string // members of the charge
	dialect              string // whose webhook tells of it
	ask                  func(d *desk, t testing.TB, c crossCharge, a asking) (client.Object, error)
	shown                func(t *testing.T, answer client.Object)
}{
	{name: "a Ping++ refund over WeChat Pay", channel: "wechatpay", takes: "wx_pub", amount: 1000, currency: "CNY", exponent: 2, dialect: "pingpp", ask: askPingpp},
	{
		name: "a service provider's refund over WeChat Pay", channel: "wechatpay partner", takes: "wx_lite", amount: 1000, currency: "CNY", exponent: 2,
		attributes: `"sub_mchid": "1900000109"`, dialect: "wechatpay", ask: wechatAs(true).ask,
	},
	{name: "a Ping++ refund over Alipay", channel: "alipay", takes: "alipay_qr", amount: 1000, currency: "CNY", exponent: 2, dialect: "pingpp", ask: askPingpp},
	{
		name: "a wallet's refund over ChinaUMS", channel: "chinaums", takes: "wechat_qrcode", amount: 1000, currency: "CNY", exponent: 2, dialect: "wallet", ask: askWallet,
		shown: func(t *testing.T, answer client.Object) {
			if extra, _ := answer["extra"].(client.Object); len(extra) != 9 {
				t.Errorf("the refund shows %v, want nine members of extra", extra)
			}
		},
	},
	{name: "a Payin card refund over Stripe in SAR", channel: "stripe", takes: "mastercard", amount: 1000, currency: "SAR", exponent: 2, dialect: "payin", ask: askPayin},
	{name: "a Payin card refund over Stripe in KWD", channel: "stripe", takes: "mastercard", amount: 10000, currency: "KWD", exponent: 3, dialect: "payin", ask: askPayin},
}

// Each dialect over each real connector, from the request to the merchant's webhook,
// with processes: the service and the channels' simulator.
func TestEachDialectRefundsThroughTheChannelsSimulator(t *testing.T) {
	t.Parallel()
	sim := simulate(t)
	s := openAtSim(t, storetest.SQLite(t), sim)
	accounts := make(map[string]string)
	for _, one := range throughs {
		name, partner := strings.CutSuffix(one.channel, " partner")
		switch {
		case accounts[one.channel] != "":
			continue
		case partner:
			accounts[one.channel] = s.partner(t, one.takes)
		default:
			accounts[one.channel] = s.take(t, name, one.takes)
		}
		if !partner { // whose refunds name their address
			sim.control(t, http.MethodPost, "/notify", fmt.Sprintf(`{"channel": %q, "url": "%s/notify/%s/%s"}`, name, s.URL, name, accounts[one.channel]), new(any))
		}
	}
	receiver := listen(t)
	for _, dialect := range []string{"pingpp", "wallet", "wechatpay", "payin"} {
		s.endpoint(t, receiver.URL+"/"+dialect, dialect)
	}
	for _, one := range throughs {
		t.Run(one.name, func(t *testing.T) {
			name := strings.TrimSuffix(one.channel, " partner")
			order := orderNumber()
			transaction := sim.paid(t, name, order, one.amount, one.currency, one.attributes)
			shown := s.charge(t, accounts[one.channel], order, transaction, one.takes, one.amount, one.currency, one.more)
			c := crossCharge{
				id: shown["id"].(string), orderNo: order, transaction: transaction, amount: one.amount, currency: one.currency, exponent: one.exponent,
				pingpp: identity(t, shown, "pingpp", "charge"), walletID: identity(t, shown, "wallet", "wallet_id"), wallet: identity(t, shown, "wallet", "charges_id"),
				payinM: identity(t, shown, "payin", "merchant_id"), payin: identity(t, shown, "payin", "order_id"),
			}
			amount := one.amount * 4 / 10
			answer, err := one.ask(s.desk, t, c, asking{amount: amount, reason: "broken"})
			if err != nil {
				t.Fatal(err)
			}
			made := s.refunds(t, c)
			if len(made) != 1 {
				t.Fatalf("made %v: %+v", answer, made)
			}
			s.await(t, made[0].ID, "succeeded")
			if one.shown != nil {
				one.shown(t, answer)
			}
			hook := receiver.await(t, "the webhook tells of it", func(h hook) bool { return tells(one.dialect, h, c, made[0].ID) })
			if one.dialect == "payin" && !strings.Contains(hook.Query, "_type=refund") {
				t.Errorf("told %s", hook.Query)
			}
			for _, entry := range sim.books(t, name) {
				if entry.TransactionID == transaction && (entry.Moves != 1 || entry.Amount != amount) {
					t.Errorf("%+v", entry)
				}
			}
		})
	}
	s.end(t)
}

// tells reports whether a webhook of a dialect is about a charge's refund. WeChat Pay's
// is sealed: its event's type is all that is seen of it here.
func tells(dialect string, h hook, c crossCharge, refundID string) bool {
	switch dialect {
	case "payin":
		return strings.Contains(h.Query, c.payin)
	case "wechatpay":
		return strings.Contains(string(h.Body), `"REFUND.SUCCESS"`)
	}
	return strings.Contains(string(h.Body), refundID)
}

// partner adds the simulator's account at WeChat Pay as a service provider's.
func (s *simDesk) partner(t *testing.T, takes string) string {
	t.Helper()
	known := s.sim.account(t, "wechatpay")
	body, err := json.Marshal(map[string]any{
		"channel": "wechatpay", "takes": []string{takes},
		"settings": map[string]string{
			"sp_mchid": known["mchid"], "sub_mchid": "1900000109", "merchant_serial": known["merchant_serial"], "base_url": known["base_url"],
			"platform_certificate": known["platform_certificate"],
		},
		"secrets": map[string]string{"apiv3_key": known["apiv3_key"], "merchant_private_key": known["merchant_private_key"]},
	})
	if err != nil {
		t.Fatal(err)
	}
	status, text := Call(t, http.MethodPost, s.URL+"/refundry/v1/accounts", string(body))
	var made struct{ ID string }
	if decode(t, text, &made); status != http.StatusCreated {
		t.Fatalf("%d %s", status, text)
	}
	return made.ID
}
