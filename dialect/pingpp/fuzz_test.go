package pingpp

import (
	"errors"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// FuzzNewCharge holds for any body: a charge that is taken can be registered
// and shown, and an error names what is wrong. So for the parameters of an
// order's refund.
func FuzzNewCharge(f *testing.F) {
	for _, seed := range []string{
		`{"order_no":"T12345678","app":{"id":"app_1Gqj58ynP0mHeX1q"},"channel":"wx","amount":100,"client_ip":"127.0.0.1","currency":"cny","subject":"s","body":"b","extra":{"a":[1,{}]},"time_expire":1409720560,"metadata":{"k":"v"},"description":"d"}`,
		"order_no=T1&app[id]=app_1Gqj58ynP0mHeX1q&channel=alipay&amount=1&client_ip=::1&currency=usd&subject=Your Subject&body=b&extra[success_url]=http://a",
		`{"description":"d","charge":"ch_1","charge_amount":"1","refund_mode":"to_source","royalty_users":[],"metadata":[]}`,
		`{"amount":1e2}`, `{"app":"app_1"}`, `{"amount":9223372036854775808}`,
	} {
		f.Add([]byte(seed), "application/json")
		f.Add([]byte(seed), "")
	}
	identities := []merchant.Identity{{MerchantID: "mer_1", Dialect: merchant.PingPP, Name: "app_1Gqj58ynP0mHeX1q"}}
	now := time.Unix(1_409_634_160, 0).UTC()
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		params, err := decodeBody(body, contentType)
		if err != nil {
			return
		}
		c := &call{params: params}
		c.caller.Merchant.ID, c.caller.Key.Identity = "mer_1", "app_1Gqj58ynP0mHeX1q"
		told := func(err error) {
			var problem *flaw
			if core := refund.As(err); !errors.As(err, &problem) && (core == nil || core.Kind != refund.KindInvalid) {
				t.Fatalf("%s: an error of another kind: %v", params.Raw, err)
			}
		}
		if request, err := orderRequest(c); err != nil {
			told(err)
		} else if request.Reason == "" || request.Amount != nil && *request.Amount <= 0 {
			t.Fatalf("took %+v", request)
		}
		charge, err := newCharge(c, now)
		if err != nil {
			told(err)
			return
		}
		charge.ChannelAccount = "sandbox"
		registered, refused := refund.Register(dialect.FillAliases(merchant.Dialects{Describe()}, charge, identities))
		if refused != nil {
			t.Fatalf("%s was taken and can't be registered: %v", params.Raw, refused)
		}
		if broken := registered.Check(); broken != nil {
			t.Fatalf("%s breaks an invariant: %v", params.Raw, broken)
		}
		if _, err := wire.Marshal(plainCharge(registered, false)); err != nil {
			t.Fatalf("%s was taken and can't be shown: %v", params.Raw, err)
		}
	})
}
