package wechatpay

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/refundry/refundry/merchant"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// FuzzBillToken holds for any text: only an address that this account got is
// taken, for five minutes, and it says what was asked for.
func FuzzBillToken(f *testing.F) {
	s := fuzzed()
	clock := time.Unix(1_795_000_000, 0)
	d := New(Services{Directory: s, Reader: s, Finder: s, Acceptor: s, Now: func() time.Time { return clock }})
	own, err := d.account(merchant.Merchant{ID: "mer_1"}, s.identity)
	if err != nil {
		f.Fatal(err)
	}
	stranger := *own
	stranger.identity.Name += "1"
	ask := func(a *account, token string) *call {
		return &call{account: a, r: httptest.NewRequest(http.MethodGet, wire.PathBillFile+"?token="+url.QueryEscape(token), nil)}
	}
	address := func(a *account) string {
		query, err := wire.ParseBillQuery(url.Values{"bill_date": {"2026-11-01"}, "bill_type": {"REFUND"}})
		if err != nil {
			f.Fatal(err)
		}
		parsed, err := url.Parse(d.billURL(ask(a, ""), billOfTrade, query, "hash"))
		if err != nil {
			f.Fatal(err)
		}
		return parsed.Query().Get("token")
	}
	given, others := address(own), address(&stranger)
	f.Add(given, uint16(0))
	f.Add(given, uint16(299))
	f.Add(given, uint16(301))
	f.Add(others, uint16(0))
	f.Add(given[:len(given)-1], uint16(0))
	f.Add(base64.RawURLEncoding.EncodeToString([]byte("trade bill_date=2026-11-01 hash 9999999999"))+".", uint16(0))
	f.Fuzz(func(t *testing.T, token string, later uint16) {
		clock = time.Unix(1_795_000_000, 0).Add(time.Duration(later) * time.Second)
		kind, query, hash, err := d.readToken(ask(own, token))
		good := token == given && time.Duration(later)*time.Second < wire.BillURLLife
		if (err == nil) != good {
			t.Fatalf("%q after %d s: %v", token, later, err)
		}
		if good && (kind != billOfTrade || hash != "hash" || query.Type != wire.BillRefund) {
			t.Fatalf("%q says %s %+v %s", token, kind, query, hash)
		}
	})
}
