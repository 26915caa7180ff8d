package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	client "github.com/refundry/refundry/e2e/strictclienttest"
)

// sums are what each dialect says of a charge's refunds as a whole.
type sums struct {
	PingppRefunded bool
	PingppAmount   string // amount_refunded
	PingppList     int    // refunds on the list
	Wallet         string // status and amount_refunded
	WalletList     int
	WeChat         string // trade_state
	Payin          string // refundStatus, refundAmount and refundTimes
	Native         string // refunded, reserved and refundable
}

func (d *desk) sums(t *testing.T, c crossCharge) sums {
	t.Helper()
	must := func(object client.Object, err error) client.Object {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return object
	}
	w := walk{d.pingpp(t, client.Go), t, d}
	charge := w.get("charge", w.Path("charges", c.pingpp), nil)
	list, _ := w.get("list of refund", w.Path("charges", c.pingpp, "refunds"), nil)["data"].([]any)
	wallet := must(d.walletCall(t, http.MethodGet, "/wallet/"+c.walletID+"/obj/"+c.wallet, nil))
	walletList, _ := wallet["refunds"].([]any)
	direct, _ := account{}.client(d, t)
	byNumber := must(direct.Get("wechat order", "/v3/pay/transactions/out-trade-no/{"+c.order+"}", "mchid="+direct.MchID))
	provider, sub := account{partner: true}.client(d, t)
	byID := must(provider.Get("wechat order", "/v3/pay/partner/transactions/id/{"+c.transaction+"}", "sp_mchid="+provider.MchID+"&sub_mchid="+sub))
	if byNumber["trade_state"] != byID["trade_state"] {
		t.Errorf("the direct merchant sees %v, the partner %v", byNumber["trade_state"], byID["trade_state"])
	}
	order := must(d.payinCall(t, http.MethodGet, "/orders/"+c.payin, ""))
	status, text := Call(t, http.MethodGet, d.URL+"/refundry/v1/charges/"+c.id, "")
	var native struct{ Refunded, Reserved, Refundable json.Number }
	if decode(t, text, &native); status != http.StatusOK {
		t.Fatalf("charge: %d %s", status, text)
	}
	return sums{
		charge["refunded"] == true, fmt.Sprint(charge["amount_refunded"]), len(list),
		fmt.Sprint(wallet["status"], " ", wallet["amount_refunded"]), len(walletList),
		client.Text(byNumber, "trade_state"),
		fmt.Sprint(order["refundStatus"], " ", order["refundAmount"], " ", order["refundTimes"]),
		fmt.Sprint(native.Refunded, " ", native.Reserved, " ", native.Refundable),
	}
}

// What all dialects say of a charge follows the refunds of all of them.
func TestAChargesSumsFollowTheRefundsOfAllDialects(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine.name, func(t *testing.T) {
			d := open(t, engine.open(t))
			c := d.cross(t, map[string]any{"amount": 10_000})
			steps := []struct {
				name   string
				by     int // which voice asks; -1 for the hand that settles
				amount int64
				state  string // that the newest refund comes to
				want   sums
			}{
				{"nothing is refunded", -1, 0, "", sums{false, "0", 0, "succeeded 0", 0, "SUCCESS", "none 0 0", "0 0 10000"}},
				{"one failed", 6, 151, "failed", sums{true, "0", 1, "succeeded 0", 1, "SUCCESS", "fail 0 1", "0 0 10000"}},
				{"Ping++ refunds a part", 0, 1000, "succeeded", sums{true, "1000", 2, "succeeded 1000", 2, "REFUND", "partial 10 2", "1000 0 9000"}},
				{"the wallet's is under way", 1, 1058, "pending", sums{true, "1000", 3, "succeeded 1000", 3, "REFUND", "processing 10 3", "1000 1058 7942"}},
				{"and is settled", -1, 0, "succeeded", sums{true, "2058", 3, "succeeded 2058", 3, "REFUND", "partial 20.58 3", "2058 0 7942"}},
				{"WeChat Pay's is abnormal", 3, 1052, "abnormal", sums{true, "2058", 4, "succeeded 2058", 4, "REFUND", "processing 20.58 4", "2058 1052 6890"}},
				{"Payin refunds the rest", 5, 6890, "succeeded", sums{true, "8948", 5, "succeeded 8948", 5, "REFUND", "processing 89.48 5", "8948 1052 0"}},
			}
			for _, step := range steps {
				switch {
				case step.by >= 0:
					if _, err := voices[step.by].ask(d, t, c, asking{amount: step.amount}); err != nil {
						t.Fatalf("%s: %v", step.name, err)
					}
				case step.state != "":
					all := d.refunds(t, c)
					post(t, d.URL, "/sandbox/refunds/%s/settle", "{}", all[len(all)-1].ID)
				}
				if step.state != "" {
					Until(t, step.name, func() bool { all := d.refunds(t, c); return all[len(all)-1].State == step.state })
				}
				if got := d.sums(t, c); got != step.want {
					t.Errorf("%s:\n%+v, want\n%+v", step.name, got, step.want)
				}
			}
			for _, r := range d.refunds(t, c) {
				if r.State == "abnormal" {
					post(t, d.URL, "/sandbox/refunds/%s/reroute", "{}", r.ID)
					Until(t, "the abnormal one is rerouted", func() bool { return stateOf(t, d.URL, r.ID) == "succeeded" })
				}
			}
			want := sums{true, "10000", 5, "refund 10000", 5, "REFUND", "full 100 5", "10000 0 0"}
			if got := d.sums(t, c); got != want {
				t.Errorf("in the end:\n%+v, want\n%+v", got, want)
			}
			d.end(t)
		})
	}
}
