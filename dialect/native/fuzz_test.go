package native

import (
	"encoding/json"
	"testing"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// FuzzDecode holds for any body and each decoder: no panic, and either a
// value or an error that can be told; what is decoded is within the limits
// and can be shown.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "null", `{"charge": "ch_1", "amount": 100, "reason": "r", "number": "n", "goods": [{"merchant_goods_id": "g", "quantity": 1}]}`,
		`{"order_no": "T1", "amount": 1000, "currency": "CNY", "channel": "wx", "paid_at": "2026-11-22T10:00:00Z", "transaction_id": "4200", "fee": 6,
		"coupons": [{"id": "1", "scope": "GLOBAL", "type": "CASH", "amount": 100, "goods": [{"merchant_goods_id": "g", "quantity": 2, "discount": 1}]}],
		"goods": [{"merchant_goods_id": "g", "goods_name": "n", "unit_price": 1, "quantity": 1}], "splits": [{"account": "a", "amount": 1, "desc": ""}],
		"client_ip": "::1", "notify_url": "https://a.example/", "identities": {"pingpp": {"app": "a", "charge": "c", "order": "o"}, "wechatpay": {"mchid": "1", "sub_mchid": "2"}}}`,
		`{"url": "https://a.example/", "dialect": "native", "events": ["refund.failed"]}`,
		`{"amount": 1e2}`, `{"amount": "\ud800"}`, "{\"amount\": \"\xff\"}", `{"amount":1,"amount":1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if in, err := decoded(t, body, decodeRefund); err == nil {
			if in.charge == "" || in.amount != nil && *in.amount <= 0 || len(in.goods) > maxGoods {
				t.Errorf("took %+v", in)
			}
			in.content("ch_1")
		}
		if in, err := decoded(t, body, func(d *decoder) (chargeRequest, error) { return decodeCharge(nil, d) }); err == nil {
			registered, err := refund.Register(in.charge)
			if err == nil && registered.Check() != nil {
				t.Errorf("took a charge that breaks an invariant: %+v", in.charge)
			}
			if _, err := json.Marshal(answerCharge(nil, in.charge)); err != nil {
				t.Errorf("took a charge that can't be shown: %v", err)
			}
		}
		if in, err := decoded(t, body, func(d *decoder) (admin.NewEndpoint, error) { return decodeEndpoint(merchant.Dialects{Describe()}, d) }); err == nil && in.URL != "" && !webAddress(in.URL) {
			t.Errorf("took the address %q", in.URL)
		}
	})
}

func decoded[T any](t *testing.T, body []byte, decode func(*decoder) (T, error)) (T, error) {
	t.Helper()
	var in T
	d, err := parse(body)
	if err == nil {
		in, err = decode(d)
	}
	if err != nil && refund.KindOf(err) != refund.KindInvalid {
		t.Errorf("refused with %v", err)
	}
	return in, err
}

// FuzzCursor holds for any text: no panic, and what is taken is written back
// as a cursor that means the same.
func FuzzCursor(f *testing.F) {
	f.Add("")
	f.Add("MS5h")
	f.Add("ZmVlZC4x")
	f.Fuzz(func(t *testing.T, text string) {
		if at, ok := readCursor(text); ok {
			again, ok := readCursor(*writeCursor(at.CreatedAt, at.ID))
			if !ok || !again.CreatedAt.Equal(at.CreatedAt) || again.ID != at.ID {
				t.Errorf("%q is %v, and again %v", text, at, again)
			}
		}
		if number, ok := readNumberCursor(feedMark, text); ok {
			if again, ok := readNumberCursor(feedMark, *writeNumberCursor(feedMark, number)); !ok || again != number {
				t.Errorf("%q is %d, and again %d", text, number, again)
			}
		}
	})
}
