package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	client "github.com/refundry/refundry/e2e/strictclienttest"
)

// operate runs a command on the desk's database, and demands its exit status.
// The data folder is that of REFUNDRY_DATA: not every command needs one.
func (d *desk) operate(t testing.TB, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	stdout, stderr, status := Run(t, append(args, "--database", d.database)...)
	if status != want {
		t.Fatalf("refundry %s exits %d:\n%s%s", strings.Join(args, " "), status, stdout, stderr)
	}
	return stdout, stderr
}

// live adds a live merchant by the command and returns a desk that knows it
// instead of the demo merchant.
func (d *desk) live(t testing.TB) *desk {
	t.Helper()
	stdout, stderr := d.operate(t, 0, "merchant", "add", "live", "--mode", "live", "--with", "pingpp,wallet,wechatpay,payin", "--json")
	if !strings.Contains(stderr, "warning: the merchant has no channel account") || !strings.Contains(stdout, `"warnings": [`) {
		t.Errorf("nobody is warned: %s", stderr)
	}
	var sections map[string]json.RawMessage
	decode(t, stdout, &sections)
	delete(sections, "warnings")
	l := &desk{Process: d.Process, database: d.database, known: make(map[string]map[string]string), installation: d.platform}
	for name, text := range sections {
		var members map[string]string
		decode(t, string(text), &members)
		l.known[name] = members
	}
	l.platform = publicKey(t, []byte(l.known["wechatpay"]["platform_pub"]))
	l.merchant = privateKey(t, []byte(l.known["wechatpay"]["merchant_key"]))
	// A live wallet takes no plain requests by itself.
	l.native(t, http.StatusOK, http.MethodPatch, "/identities/wallet/"+l.known["wallet"]["wallet_id"], `{"settings": {"wallet.plain": "on"}}`)
	return l
}

// native calls the native API with the merchant's key.
func (d *desk) native(t testing.TB, want int, method, path, body string) map[string]any {
	t.Helper()
	status, text := Call(t, method, d.URL+"/refundry/v1"+path, body, "Authorization", "Bearer "+d.known["native"]["key"])
	if status != want {
		t.Fatalf("%s %s: %d %s", method, path, status, text)
	}
	var object map[string]any
	decode(t, text, &object)
	return object
}

// asks are the dialects of the live merchant; refusal is what is told where no
// channel account takes the charge.
var asks = []struct {
	name    string
	ask     func(d *desk, t testing.TB, c crossCharge, a asking) (client.Object, error)
	refusal string
}{
	{"Ping++", func(d *desk, t testing.TB, c crossCharge, a asking) (client.Object, error) {
		signed := *d // by the installation's key
		signed.platform = d.installation
		return askPingpp(&signed, t, c, a)
	}, "没有可用的渠道账户"},
	{"wallet", askWallet, "10008"},
	{"WeChat Pay", account{}.ask, "NO_AUTH"},
	{"Payin", askPayin, "refundNotSupported"},
	{"native", func(d *desk, t testing.TB, c crossCharge, a asking) (client.Object, error) {
		status, text := Call(t, http.MethodPost, d.URL+"/refundry/v1/refunds", fmt.Sprintf(`{"charge": %q, "amount": %d}`, c.id, a.amount),
			"Authorization", "Bearer "+d.known["native"]["key"])
		return read(t, status, text)
	}, "no_channel_account"},
}

// A live merchant works from its making to the webhook: charges are registered
// with a warning, refunds of every dialect are refused while no account takes
// them, then wait for an operator, and end with the operator's proof.
func TestALiveMerchantWorksThroughAnOperatorsHands(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine.name, func(t *testing.T) {
			d := open(t, engine.open(t))
			t.Setenv("REFUNDRY_DATA", d.Data)
			l := d.live(t)
			number := orderNumber()
			body := fmt.Sprintf(`{"order_no": %q, "amount": 100000, "currency": "CNY", "channel": "wx", "transaction_id": "42%s", "paid_at": "2026-11-01T00:00:00Z"}`, number, number)
			shown := l.native(t, http.StatusCreated, http.MethodPost, "/charges", body)
			if shown["channel_account"] != "" || shown["warnings"] == nil {
				t.Errorf("registered as %v", shown)
			}
			c := crossCharge{
				id: shown["id"].(string), orderNo: number, transaction: "42" + number, amount: 100000, currency: "CNY", exponent: 2,
				pingpp: identity(t, shown, "pingpp", "charge"), walletID: identity(t, shown, "wallet", "wallet_id"), wallet: identity(t, shown, "wallet", "charges_id"),
				order: identity(t, shown, "wechatpay", "out_trade_no"), payinM: identity(t, shown, "payin", "merchant_id"), payin: identity(t, shown, "payin", "order_id"),
			}
			for _, dialect := range asks {
				if _, err := dialect.ask(l, t, c, asking{amount: 100}); err == nil || !strings.Contains(err.Error(), dialect.refusal) {
					t.Errorf("%s without an account: %v, want %s", dialect.name, err, dialect.refusal)
				}
			}

			made, _ := l.operate(t, 0, "account", "add", "--merchant", "live", "--channel", "manual", "--takes", "wx")
			account := strings.TrimSpace(made)
			for _, dialect := range asks {
				// The service goes by the accounts that it knew for a moment.
				Until(t, dialect.name+" is accepted", func() bool {
					_, err := dialect.ask(l, t, c, asking{amount: 100})
					if err != nil && !strings.Contains(err.Error(), dialect.refusal) {
						t.Fatalf("%s: %v", dialect.name, err)
					}
					return err == nil
				})
			}
			if again := l.native(t, http.StatusOK, http.MethodPost, "/charges", body); again["channel_account"] != account || again["id"] != c.id || again["warnings"] != nil {
				t.Errorf("registered again as %v", again)
			}
			receiver := listen(t)
			l.operate(t, 0, "endpoint", "add", receiver.URL, "--merchant", "live", "--dialect", "native", "--egress-allow", "127.0.0.0/8")
			list := l.native(t, http.StatusOK, http.MethodGet, "/refunds?charge="+c.id, "")["data"].([]any)
			if len(list) != len(asks) {
				t.Fatalf("%d refunds were made", len(list))
			}
			for _, one := range list {
				id := one.(map[string]any)["id"].(string)
				Until(t, "the refund waits for the operator", func() bool {
					return l.native(t, http.StatusOK, http.MethodGet, "/refunds/"+id, "")["state"] == "pending"
				})
				Until(t, "the operator resolves it", func() bool { // unless its channel is being asked
					_, problem, status := Run(t, "refund", "resolve", id, "--merchant", "live", "--state", "succeeded", "--proof", "transfer 4711", "--database", l.database)
					if status != 0 && !strings.Contains(problem, "is being asked") {
						t.Fatalf("resolve exits %d: %s", status, problem)
					}
					return status == 0
				})
				if r := l.native(t, http.StatusOK, http.MethodGet, "/refunds/"+id, ""); r["state"] != "succeeded" || r["channel_account"] != account {
					t.Errorf("resolved as %v", r)
				}
				receiver.await(t, "the webhook tells of it", func(h hook) bool { return strings.Contains(string(h.Body), id) })
			}
			trail, _ := l.operate(t, 0, "audit", "--merchant", "live", "--json", "--limit", "100")
			if strings.Count(trail, `"refund.resolve"`) != len(asks) || strings.Count(trail, `"account.add"`) != 1 || !strings.Contains(trail, "transfer 4711") {
				t.Errorf("the chain holds %s", trail)
			}
			d.end(t)
		})
	}
}
