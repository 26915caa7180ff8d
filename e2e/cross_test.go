package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	client "github.com/refundry/refundry/e2e/strictclienttest"
	"github.com/refundry/refundry/store/storetest"
)

// A refund that one dialect made is there in every other identity of the same
// merchant, in its own words, in each state that a refund can have.
func TestARefundOfOneDialectIsSeenInTheWordsOfAllOthers(t *testing.T) {
	tests := []struct {
		state string
		cents int64 // which ending of the sandbox
		after func(d *desk, t *testing.T, r crossRefund)
	}{
		{"held", 55, nil},
		{"created", 59, nil},
		{"pending", 58, nil},
		{"abnormal", 52, nil},
		{"succeeded", 0, nil},
		{"failed", 51, nil},
		{"canceled", 55, func(d *desk, t *testing.T, r crossRefund) {
			Until(t, "the refund is held", func() bool { return stateOf(t, d.URL, r.ID) == "held" })
			post(t, d.URL, "/refunds/%s/cancel", "{}", r.ID)
		}},
		{"succeeded by hand", 58, func(d *desk, t *testing.T, r crossRefund) {
			Until(t, "the refund is pending", func() bool { return stateOf(t, d.URL, r.ID) == "pending" })
			post(t, d.URL, "/sandbox/refunds/%s/settle", "{}", r.ID)
		}},
		{"succeeded on another way", 52, func(d *desk, t *testing.T, r crossRefund) {
			Until(t, "the refund is abnormal", func() bool { return stateOf(t, d.URL, r.ID) == "abnormal" })
			post(t, d.URL, "/sandbox/refunds/%s/reroute", "{}", r.ID)
		}},
	}
	for _, engine := range engines {
		t.Run(engine.name, func(t *testing.T) {
			d := open(t, engine.open(t))
			t.Run("all", func(t *testing.T) {
				for _, maker := range voices {
					for n, test := range tests {
						t.Run(maker.name+": "+test.state, func(t *testing.T) {
							t.Parallel()
							c := d.cross(t, map[string]any{"amount": 100_000})
							// Another refund before, so that it is not the charge's first.
							if _, err := askNative(d, t, c, asking{amount: 1}); err != nil {
								t.Fatal(err)
							}
							amount := 1000*int64(n+1) + test.cents
							made, err := maker.ask(d, t, c, asking{amount: amount, reason: "商品 <&> 'x'", hurry: true})
							if err != nil {
								t.Fatal(err)
							}
							r := d.refunds(t, c)[1]
							if client.Text(made, maker.id) != maker.names(c, r) {
								t.Errorf("made %v, want %s", made[maker.id], maker.names(c, r))
							}
							if test.after != nil {
								test.after(d, t, r)
							}
							state, _, _ := strings.Cut(test.state, " ")
							seenByAll(t, d, c, amount, state)
						})
					}
				}
			})
			d.end(t)
		})
	}
}

// seenByAll waits until a charge's second refund is in a state, and lets every
// voice look while it is.
func seenByAll(t *testing.T, d *desk, c crossCharge, amount int64, state string) {
	t.Helper()
	Until(t, "everybody has looked while the refund is "+state, func() bool {
		r := d.refunds(t, c)[1]
		if r.State != state {
			return false
		}
		problems := make(map[string]string)
		for _, v := range voices {
			seen, err := v.see(d, t, c, r)
			if err != nil {
				problems[v.name] = err.Error()
				continue
			}
			if problem := v.wrong(c, r, amount, seen); problem != "" {
				problems[v.name] = problem
			}
		}
		if now := d.refunds(t, c)[1]; now.UpdatedAt != r.UpdatedAt {
			return false // it went on while they looked
		}
		for name, problem := range problems {
			t.Errorf("%s: %s", name, problem)
		}
		return true
	})
}

// wrong returns what a voice shows that is not so, "" if all is right.
func (v voice) wrong(c crossCharge, r crossRefund, amount int64, seen client.Object) string {
	want := map[string]string{v.status: v.words[r.State], v.id: v.names(c, r)}
	minor := fmt.Sprint(amount)
	switch v.name {
	case "Ping++":
		want["amount"], want["charge"], want["charge_order_no"], want["description"] = minor, c.pingpp, c.orderNo, r.Reason
		want["succeed"] = fmt.Sprint(r.State == "succeeded")
	case "wallet", "wallet, older generation":
		want["amount"], want["charges_id"], want["description"], want["currency"] = minor, c.wallet, r.Reason, "CHY"
	case "Payin":
		want["amount"], want["orderId"], want["merchantId"], want["currency"], want["reason"] = c.decimal(amount), c.payin, c.payinM, c.currency, r.Reason
	case "native":
		want["amount"], want["charge"], want["currency"], want["reason"] = minor, c.id, c.currency, r.Reason
	default:
		want["transaction_id"], want["out_trade_no"] = c.transaction, c.order
		inner, _ := seen["amount"].(client.Object)
		if fmt.Sprint(inner["refund"]) != minor || fmt.Sprint(inner["total"]) != fmt.Sprint(c.amount) || inner["currency"] != "CNY" {
			return "amount is " + client.RawJSON(inner)
		}
	}
	for name, value := range want {
		got := fmt.Sprint(seen[name])
		same := got == value || v.name == "Payin" && name == "amount" && sameDecimal(got, value)
		if !same {
			return fmt.Sprintf("%s is %s, want %s in %s", name, got, value, client.RawJSON(seen))
		}
	}
	return ""
}

// sameDecimal compares amounts of which one may lack zeros at its end.
func sameDecimal(a, b string) bool {
	cut := func(text string) string {
		if strings.Contains(text, ".") {
			text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
		}
		return text
	}
	return cut(a) == cut(b)
}

// One charge has one cap, whoever asks: each dialect takes a part in turn, then
// what does not fit is refused in each dialect's words, and the rest fits.
func TestTheCapHoldsAcrossDialects(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine.name, func(t *testing.T) {
			d := open(t, engine.open(t))
			c := d.cross(t, map[string]any{"amount": 100 * len(voices)})
			for _, v := range voices {
				if _, err := v.ask(d, t, c, asking{amount: 90}); err != nil {
					t.Errorf("%s: %v", v.name, err)
				}
			}
			left := int64(10 * len(voices))
			for _, v := range voices {
				if object, err := v.ask(d, t, c, asking{amount: left + 1}); !strings.HasPrefix(told(err), v.exceeded) {
					t.Errorf("%s: %v %s, want %s", v.name, object, told(err), v.exceeded)
				}
			}
			if _, err := askNative(d, t, c, asking{}); err != nil {
				t.Errorf("the rest: %v", err)
			}
			for _, v := range voices {
				if object, err := v.ask(d, t, c, asking{amount: 1}); err == nil {
					t.Errorf("%s refunds a charge that has nothing left: %v", v.name, object)
				}
			}
			var sum int64
			for _, r := range d.refunds(t, c) {
				sum += r.Amount
			}
			if sum != c.amount {
				t.Errorf("refunded %d of %d", sum, c.amount)
			}
			d.end(t)
		})
	}
}

// Requests of all dialects at once, each for more than half: one is taken.
func TestRequestsOfAllDialectsAtOnceShareOneCap(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine.name, func(t *testing.T) {
			d := open(t, engine.open(t))
			for range 5 {
				c := d.cross(t, map[string]any{"amount": 1000})
				var all sync.WaitGroup
				begin := make(chan struct{})
				errors := make([]error, 3*len(voices))
				for n := range errors {
					all.Go(func() {
						<-begin
						_, errors[n] = voices[n%len(voices)].ask(d, t, c, asking{amount: 600})
					})
				}
				close(begin)
				all.Wait()
				taken := 0
				for n, err := range errors {
					v := voices[n%len(voices)]
					if err == nil {
						taken++
					} else if !strings.HasPrefix(told(err), v.exceeded) {
						t.Errorf("%s: %s, want %s", v.name, told(err), v.exceeded)
					}
				}
				if refunds := d.refunds(t, c); taken != 1 || len(refunds) != 1 {
					t.Errorf("%d were taken, %d are there", taken, len(refunds))
				}
			}
			d.end(t)
		})
	}
}

// Refund numbers are one namespace for all dialects, and idempotency keys
// another: a repeat through any dialect is the same refund, and with other
// content it is refused.
func TestNumbersAndKeysHoldAcrossDialects(t *testing.T) {
	d := open(t, storetest.SQLite(t))
	for _, first := range voices {
		for _, second := range voices {
			t.Run(first.name+", then "+second.name, func(t *testing.T) {
				c, other := d.cross(t, map[string]any{"amount": 1000}), d.cross(t, map[string]any{"amount": 1000})
				if first.numbers && second.numbers {
					again(t, d, first, second, c, other, func(a asking, n string) asking { a.number = n; return a })
				}
				again(t, d, first, second, c, other, func(a asking, n string) asking { a.key = "k" + n; return a })
			})
		}
	}
	d.end(t)
}

// again asks twice with the same name, which with puts into a request, and
// then with other content.
func again(t *testing.T, d *desk, first, second voice, c, other crossCharge, with func(asking, string) asking) {
	t.Helper()
	name := "N" + orderNumber()
	// WeChat always has a number; the same one goes with the same key.
	whole := func(a asking) asking {
		a = with(a, name)
		if a.number == "" && strings.HasPrefix(first.name, "WeChat") && strings.HasPrefix(second.name, "WeChat") {
			a.number = "W" + name
		}
		return a
	}
	before := len(d.refunds(t, c))
	if _, err := first.ask(d, t, c, whole(asking{amount: 100, reason: "first"})); err != nil {
		t.Fatal(err)
	}
	if one := whole(asking{}); one.number == "" && strings.HasPrefix(second.name, "WeChat") {
		// A WeChat refund always has a number, and what was made under the key
		// has none, or another: it is not the refund that is asked for.
		_, err := second.ask(d, t, c, whole(asking{amount: 100}))
		if !strings.HasPrefix(told(err), second.conflict) || len(d.refunds(t, c)) != before+1 {
			t.Errorf("with a number of its own: %s, want %s", told(err), second.conflict)
		}
		return
	}
	made, err := second.ask(d, t, c, whole(asking{amount: 100, reason: "second"}))
	refunds := d.refunds(t, c)
	if err != nil || len(refunds) != before+1 {
		t.Fatalf("the repeat: %v %v, %d refunds after %d", made, err, len(refunds), before)
	}
	if r := refunds[before]; client.Text(made, second.id) != second.names(c, r) || r.Reason != "first" {
		t.Errorf("the repeat is %s, want %s; the reason is %q", client.RawJSON(made), second.names(c, r), r.Reason)
	}
	if _, err := second.ask(d, t, c, whole(asking{amount: 101})); !strings.HasPrefix(told(err), second.conflict) {
		t.Errorf("with another amount: %s, want %s", told(err), second.conflict)
	}
	if _, err := second.ask(d, t, other, whole(asking{amount: 100})); !strings.HasPrefix(told(err), second.conflict) {
		t.Errorf("for another charge: %s, want %s", told(err), second.conflict)
	}
	if len(d.refunds(t, c)) != before+1 || len(d.refunds(t, other)) != 0 {
		t.Error("a conflict made a refund")
	}
}

// A key of one refund and a number of another contradict each other, whichever
// dialects brought them.
func TestAKeyAndANumberOfDifferentRefundsAreRefused(t *testing.T) {
	d := open(t, storetest.SQLite(t))
	for _, first := range voices {
		for _, second := range voices {
			if !first.numbers || !second.numbers {
				continue
			}
			c := d.cross(t, map[string]any{"amount": 1000})
			number, key := "N"+orderNumber(), "K"+orderNumber()
			for _, one := range []asking{{amount: 100, number: number}, {amount: 100, number: number + "x", key: key}} {
				if _, err := first.ask(d, t, c, one); err != nil {
					t.Fatal(first.name, err)
				}
			}
			if object, err := second.ask(d, t, c, asking{amount: 100, number: number, key: key}); !strings.HasPrefix(told(err), second.conflict) {
				t.Errorf("%s, then %s: %v %s, want %s", first.name, second.name, object, told(err), second.conflict)
			}
			if n := len(d.refunds(t, c)); n != 2 {
				t.Errorf("%s, then %s: %d refunds", first.name, second.name, n)
			}
		}
	}
	d.end(t)
}

// What a charge or a refund lacks has a stand-in in the dialects that must show
// something.
func TestMembersThatOnlyOtherDialectsHave(t *testing.T) {
	d := open(t, storetest.SQLite(t))
	c := d.cross(t, map[string]any{"channel": "mastercard"})
	made, err := askNative(d, t, c, asking{amount: 100})
	if err != nil {
		t.Fatal(err)
	}
	r := d.refunds(t, c)[0]
	w := walk{d.pingpp(t, client.Ruby), t, d}
	if charge := w.get("charge", w.Path("charges", c.pingpp), nil); client.Text(charge, "client_ip") != "0.0.0.0" || client.Text(charge, "channel") != "mastercard" {
		t.Errorf("Ping++: %s", client.RawJSON(charge))
	}
	want := map[string]map[string]string{
		"Ping++":                   {"description": "", "funding_source": "<nil>", "order_no": strings.TrimPrefix(client.Text(made, "id"), "re_")},
		"wallet":                   {"description": "", "client_ip": "0.0.0.0", "channel": "mastercard", "extra": "map[]"},
		"wallet, older generation": {"description": "", "client_ip": "0.0.0.0"},
		"WeChat Pay, direct":       {"out_refund_no": r.ChannelNumber, "channel": "ORIGINAL", "funds_account": "BASIC"},
		"WeChat Pay, partner":      {"out_refund_no": r.ChannelNumber},
		"Payin":                    {"merchantRefundId": "<nil>", "reason": "<nil>", "paymentMethod": "mastercard", "originTransactionId": c.payin + "_1"},
		"native":                   {"number": "<nil>", "reason": ""},
	}
	for _, v := range voices {
		seen, err := v.see(d, t, c, r)
		if err != nil {
			t.Errorf("%s: %v", v.name, err)
			continue
		}
		for name, value := range want[v.name] {
			if name == "originTransactionId" {
				if client.Text(seen, name) == "" {
					t.Errorf("%s: %s is missing", v.name, name)
				}
			} else if got := fmt.Sprint(seen[name]); got != value {
				t.Errorf("%s: %s is %q, want %q", v.name, name, got, value)
			}
		}
	}
	d.end(t)
}

// One table says how channels are called in each dialect.
func TestChannelsHaveOneNameInEachDialect(t *testing.T) {
	d := open(t, storetest.SQLite(t))
	for channel, want := range map[string][3]string{ // Ping++, wallet, Payin
		"wx_pub_qr":     {"wx_pub_qr", "wechat_qrcode", "wx_pub_qr"},
		"wechat_qrcode": {"wx_pub_qr", "wechat_qrcode", "wechat_qrcode"},
		"mastercard":    {"mastercard", "mastercard", "mastercard"},
		"alipay":        {"alipay", "alipay", "alipay"},
	} {
		c := d.cross(t, map[string]any{"channel": channel})
		if _, err := askNative(d, t, c, asking{amount: 1}); err != nil {
			t.Fatal(err)
		}
		r := d.refunds(t, c)[0]
		w := walk{d.pingpp(t, client.Go), t, d}
		charge := w.get("charge", w.Path("charges", c.pingpp), nil)
		inWallet, err := seeWallet(d, t, c, r)
		if err != nil {
			t.Fatal(err)
		}
		inPayin, err := seePayin(d, t, c, r)
		if err != nil {
			t.Fatal(err)
		}
		got := [3]string{client.Text(charge, "channel"), client.Text(inWallet, "channel"), client.Text(inPayin, "paymentMethod")}
		if got != want {
			t.Errorf("%s is called %v, want %v", channel, got, want)
		}
	}
	d.end(t)
}

// A charge in a currency that a dialect can't say is not there in that dialect,
// with names and all, and is in all others.
func TestCurrenciesThatADialectCannotSay(t *testing.T) {
	d := open(t, storetest.SQLite(t))
	for currency, shown := range map[string][2]string{"USD": {"10.05", "usd"}, "SAR": {"10.05", "sar"}, "JPY": {"1005", "jpy"}, "KWD": {"1.005", "kwd"}} {
		t.Run(currency, func(t *testing.T) {
			c := d.cross(t, map[string]any{"amount": 5000, "currency": currency})
			if _, err := askNative(d, t, c, asking{amount: 1005}); err != nil {
				t.Fatal(err)
			}
			r := d.refunds(t, c)[0]
			for _, v := range voices {
				seen, err := v.see(d, t, c, r)
				if strings.HasPrefix(v.name, "WeChat") {
					if told(err) != v.missing {
						t.Errorf("%s sees %v, %v", v.name, seen, err)
					}
					if object, err := v.ask(d, t, c, asking{amount: 10}); told(err) != v.missing {
						t.Errorf("%s refunds: %v, %v", v.name, object, err)
					}
					continue
				}
				if err != nil {
					t.Errorf("%s: %v", v.name, err)
					continue
				}
				switch v.name {
				case "Payin":
					if fmt.Sprint(seen["amount"]) != shown[0] || client.Text(seen, "currency") != currency {
						t.Errorf("%s: %v %v", v.name, seen["amount"], seen["currency"])
					}
				case "wallet", "wallet, older generation":
					if fmt.Sprint(seen["amount"]) != "1005" || client.Text(seen, "currency") != shown[1] {
						t.Errorf("%s: %v %v", v.name, seen["amount"], seen["currency"])
					}
				}
				if _, err := v.ask(d, t, c, asking{amount: 100}); err != nil {
					t.Errorf("%s refunds: %v", v.name, err)
				}
			}
			w, _ := account{}.client(d, t)
			object, err := w.Get("", "/v3/pay/transactions/id/{"+c.transaction+"}", "mchid="+w.MchID)
			if told(err) != "404 ORDER_NOT_EXIST" {
				t.Errorf("the order: %v, %v", object, err)
			}
		})
	}
	d.end(t)
}

// A refund of any dialect tells each dialect's endpoint in that dialect's form.
func TestARefundTellsEveryDialectsEndpoint(t *testing.T) {
	d := open(t, storetest.SQLite(t))
	receivers := map[string]*receiver{}
	for _, dialect := range []string{"pingpp", "wallet", "wechatpay", "payin", "native"} {
		receivers[dialect] = listen(t)
		d.endpoint(t, receivers[dialect].URL+"/"+dialect, dialect)
	}
	for _, maker := range voices {
		t.Run(maker.name, func(t *testing.T) {
			c := d.cross(t, nil)
			if _, err := maker.ask(d, t, c, asking{amount: 100, reason: "r"}); err != nil {
				t.Fatal(err)
			}
			r := d.refunds(t, c)[0]
			for dialect, fits := range map[string]func(h hook) bool{
				"pingpp": func(h hook) bool {
					event, err := client.Webhook(d.platform, h.Header.Get, h.Body)
					if err != nil {
						t.Fatal(err)
					}
					return client.Text(event, "type") == "refund.succeeded" && strings.Contains(string(h.Body), `"id":"`+r.ID+`"`)
				},
				"wechatpay": func(h hook) bool {
					_, notice, err := d.wechat(t, client.Java, "").Notification(h.Header.Get, h.Body)
					if err != nil {
						t.Fatal(err)
					}
					return client.Text(notice, "out_refund_no") == wechatNumber(c, r) && client.Text(notice, "refund_status") == "SUCCESS"
				},
				"wallet": func(h hook) bool {
					var event struct {
						Event string         `json:"event"`
						Data  map[string]any `json:"data"`
					}
					return json.Unmarshal(h.Body, &event) == nil && event.Event != "" && event.Data["id"] == r.ID && event.Data["status"] == "succeeded"
				},
				"payin": func(h hook) bool {
					return strings.Contains(h.Query, "_orderId="+c.payin) && strings.Contains(h.Query, fmt.Sprintf("_refundId=%s_R1", c.payin)) && len(h.Body) == 0
				},
				"native": func(h hook) bool {
					var event struct {
						Type string `json:"type"`
						Data struct {
							Refund struct{ ID, State string } `json:"refund"`
						} `json:"data"`
					}
					return json.Unmarshal(h.Body, &event) == nil && event.Type == "refund.succeeded" && event.Data.Refund.ID == r.ID && event.Data.Refund.State == "succeeded"
				},
			} {
				receivers[dialect].await(t, dialect+" is told", fits)
			}
			if status, text := Call(t, http.MethodGet, d.URL+"/refundry/v1/deliveries?limit=100", ""); status != http.StatusOK {
				t.Errorf("deliveries: %d %s", status, text)
			}
		})
	}
	d.end(t)
}

// Endpoints that name no events are told what their dialect promises: no less,
// and nothing that its receivers would not know.
func TestEachDialectTellsWhatItPromises(t *testing.T) {
	want := map[string]string{
		"refund.succeeded": "native payin pingpp wallet wechatpay",
		"refund.failed":    "native wallet wechatpay",
		"refund.abnormal":  "native wechatpay",
		"refund.canceled":  "wallet wechatpay",
	}
	d := open(t, storetest.SQLite(t))
	r := listen(t)
	for _, dialect := range []string{"pingpp", "wallet", "wechatpay", "payin", "native"} {
		d.endpoint(t, r.URL+"/"+dialect, dialect)
	}
	c := d.cross(t, nil)
	for n, state := range []string{"failed", "abnormal", "canceled", "succeeded"} {
		cents := map[string]int64{"failed": 51, "abnormal": 52, "canceled": 55, "succeeded": 0}[state]
		if _, err := askNative(d, t, c, asking{amount: 1000*int64(n+1) + cents}); err != nil {
			t.Fatal(err)
		}
		made := d.refunds(t, c)[n]
		if state == "canceled" {
			Until(t, "the refund is held", func() bool { return stateOf(t, d.URL, made.ID) == "held" })
			post(t, d.URL, "/refunds/%s/cancel", "{}", made.ID)
		}
		Until(t, "the refund is "+state, func() bool { return stateOf(t, d.URL, made.ID) == state })
	}
	var told map[string]string // event type to dialects
	Until(t, "the last event is told", func() bool {
		told = d.told(t)
		return told["refund.succeeded"] != ""
	})
	for kind, dialects := range told {
		if dialects != want[kind] {
			t.Errorf("%s is told to %q, want %q", kind, dialects, want[kind])
		}
	}
	for kind := range want {
		if told[kind] == "" {
			t.Errorf("%s is told to nobody", kind)
		}
	}
	d.end(t)
}

// told is which dialects' endpoints were notified of events of each type.
func (d *desk) told(t testing.TB) map[string]string {
	t.Helper()
	var events struct {
		Data []struct{ ID, Type string }
	}
	var deliveries struct {
		Data []struct{ Event, Dialect string }
	}
	for path, into := range map[string]any{"/events?limit=100": &events, "/deliveries?limit=100": &deliveries} {
		status, text := Call(t, http.MethodGet, d.URL+"/refundry/v1"+path, "")
		if decode(t, text, into); status != http.StatusOK {
			t.Fatalf("GET %s: %d %s", path, status, text)
		}
	}
	told := map[string]string{}
	for _, event := range events.Data {
		var dialects []string
		for _, delivery := range deliveries.Data {
			if delivery.Event == event.ID {
				dialects = append(dialects, delivery.Dialect)
			}
		}
		slices.Sort(dialects)
		told[event.Type] = strings.Join(dialects, " ")
	}
	return told
}
