package wallet_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/dialect/wallet"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/webhook"
	wire "github.com/refundry/refundry/wire/wallet"
)

// members are the names of an object in the order in which they stand, each
// with its kind.
func members(t testing.TB, answer string) []string {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(answer))
	if _, err := decoder.Token(); err != nil {
		t.Fatal(err)
	}
	var out []string
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			t.Fatal(err)
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			t.Fatal(err)
		}
		kind := map[byte]string{'"': "string", '{': "object", '[': "array", 'n': "null", 't': "boolean", 'f': "boolean"}[value[0]]
		if kind == "" {
			kind = "integer"
			if strings.ContainsAny(string(value), ".eE") {
				kind = "decimal"
			}
		}
		out = append(out, fmt.Sprint(name, " ", kind))
	}
	return out
}

// Every member is there in every answer, with the kind that the pages give it.
func TestObjectsHaveTheirMembers(t *testing.T) {
	s := dialecttest.Start(t)
	w := with(t, s, merchant.Test, nil)
	refundMembers := []string{
		"id string", "type string", "created integer", "charges_id string", "channel string", "client_ip string", "amount integer",
		"extra object", "description string", "currency string", "status string",
	}
	olderMembers := []string{
		"id string", "type string", "created string", "status string", "time_succeeded integer", "time_failed null", "charge_id string",
		"charges_id string", "channel string", "client_ip string", "amount integer", "currency string", "transaction_no string", "description string", "extra object",
	}
	chargeMembers := []string{
		"id string", "type string", "created integer", "wallet_id string", "status string", "channel string", "order_no string", "client_ip string",
		"amount integer", "currency string", "subject string", "body string", "time_paid integer", "refunds array", "amount_refunded integer",
		"credential object", "description string", "extra object",
	}
	walletMembers := []string{
		"id string", "type string", "created integer", "appid string", "extra object", "block boolean", "reviewed boolean", "available_balance integer",
		"withdrawable_balance integer", "freeze_balance integer", "status string", "channel string",
	}
	made := post(t, s, w.key, "/wallet/"+w.wallet+"/charges", chargeOf("M1", 1000), 200)
	charge := decoded(t, made)["id"].(string)
	refunded := w.refund(t, asking(charge, 1), 200, "Prefer", "wait=5")
	id := decoded(t, refunded)["id"].(string)
	older := post(t, s, w.key, "/charges/"+charge+"/refunds", `{"amount":1,"description":"d"}`, 200, "Prefer", "wait=5")
	for _, test := range []struct {
		name, answer string
		want         []string
	}{
		{"a new refund", refunded, refundMembers},
		{"a refund that is read", w.get(t, "/obj/"+id, 200), refundMembers},
		{"a new refund, older", older, olderMembers},
		{"a refund that is read, older", get(t, s, w.key, "/charges/"+charge+"/refunds/"+id, 200), olderMembers},
		{"a new charge", made, chargeMembers},
		{"a charge that is read", w.get(t, "/obj/"+charge, 200), chargeMembers},
		{"the wallet", w.get(t, "/obj/"+w.wallet, 200), walletMembers},
		{"a list of charges", w.get(t, "/charges/list?page=1&count=1", 200), []string{"total integer", "data array"}},
		{"a list of refunds", w.get(t, "/charges/"+charge+"/refunds?page=1&count=1", 200), []string{"total integer", "data array"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, members(t, test.answer)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// How each state of the core is told, by read and by webhook alike.
func TestTheStatusOfEachState(t *testing.T) {
	d := wallet.New(wallet.Services{})
	charge := refund.Charge{Aliases: []refund.Alias{{Dialect: merchant.Wallet, Identity: demoWallet, Name: "c1"}}}
	for state, want := range map[refund.State]string{
		refund.Held: "created", refund.Created: "created", refund.Pending: "pending", refund.Abnormal: "pending",
		refund.Succeeded: "succeeded", refund.Failed: "failed", refund.Canceled: "failed",
	} {
		message, err := d.Render(knownWallet(people{}), merchant.Endpoint{}, webhook.Event{ID: "evt_1", Charge: charge, Refund: refund.Refund{ID: "re_1", Currency: "CNY", State: state}})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(message.Body), `"status":"`+want+`"}`) {
			t.Errorf("%s is told as %s, want %s", state, message.Body, want)
		}
	}
}

// The limits of members count characters, not bytes; what stands at a limit is
// taken and given back as it came.
func TestLimitsCountCharacters(t *testing.T) {
	s := dialecttest.Start(t)
	w := with(t, s, merchant.Test, nil)
	big := w.charge(t, 999_999_999_999_999, func(c *refund.Charge) {
		c.Aliases = []refund.Alias{{Dialect: merchant.Wallet, Identity: w.wallet, Name: strings.Repeat("c", 64)}}
	})
	emoji, han := strings.Repeat("🍎", 255), strings.Repeat("退", 255)
	for _, test := range []struct {
		name, member, value string
	}{
		{"a description of 255 emoji", "description", emoji},
		{"a description of 255 Chinese characters", "description", han},
		{"the word null as a description", "description", "null"},
		{"blanks", "description", " \n\t "},
		{"HTML and quotes", "description", `<a href="x">&'</a>`},
		{"IPv6 in long form and capitals", "client_ip", "2001:0DB8:0000:0000:0000:0000:0000:0001"},
		{"IPv4 in IPv6", "client_ip", "::ffff:192.0.2.1"},
		{"an address of the local network", "client_ip", "10.0.0.1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			text, err := json.Marshal(test.value)
			if err != nil {
				t.Fatal(err)
			}
			body := object([][2]string{{"charges_id", quoted(big)}, {"client_ip", `"::1"`}, {"amount", "1"}}, test.member, string(text))
			made := w.refund(t, body, 200, "Prefer", "wait=5")
			if got := decoded(t, made); got[test.member] != test.value {
				t.Errorf("%s came back as %q", test.member, got[test.member])
			}
		})
	}
	if got := decoded(t, w.refund(t, asking(big, 999_999_999_999_900), 200, "Prefer", "wait=5")); got["amount"] != json.Number("999999999999900") || got["status"] != "succeeded" {
		t.Errorf("15 digits are %v", got)
	}
	older := decoded(t, post(t, s, w.key, "/charges/"+big+"/refunds", `{"amount":1,"description":"`+strings.Repeat("🍎", 99)+`"}`, 200))
	if older["description"] != strings.Repeat("🍎", 99) {
		t.Errorf("99 emoji are %v", older["description"])
	}
	charge := decoded(t, post(t, s, w.key, "/wallet/"+w.wallet+"/charges", `{"channel":"wx","order_no":"`+strings.Repeat("o", 64)+`","client_ip":"::1","amount":1,"currency":"CHY",`+
		`"subject":"`+strings.Repeat("🍎", 32)+`","body":"`+strings.Repeat("退", 100)+`","description":"`+emoji+`"}`, 200))
	if charge["subject"] != strings.Repeat("🍎", 32) || charge["body"] != strings.Repeat("退", 100) || charge["description"] != emoji {
		t.Errorf("the charge is %v", charge)
	}
}

// What is absent, null or unknown in a request.
func TestMembersThatARequestLacks(t *testing.T) {
	w := with(t, dialecttest.Start(t), merchant.Test, nil)
	charge := w.charge(t, 1000, func(c *refund.Charge) { c.Detail.ClientIP = "192.0.2.9" })
	head := strings.TrimSuffix(asking(charge, 1), "}")
	for name, tail := range map[string]string{
		"no description": "}", "a description of null": `,"description":null}`, "an empty description": `,"description":""}`,
		"an extra of null": `,"extra":null}`, "an empty extra": `,"extra":{}}`, "a number of null": `,"extra":{"refund_order":null,"other":[{}]}}`,
		"members that nobody knows": `,"currency":"USD","Amount":99,"status":"succeeded","id":"re_mine","refund_amount":7}`,
	} {
		got := decoded(t, w.refund(t, head+tail, 200, "Prefer", "wait=5"))
		if got["description"] != "" || got["amount"] != json.Number("1") || got["currency"] != "CHY" || got["client_ip"] != "127.0.0.1" || got["id"] == "re_mine" {
			t.Errorf("%s: %v", name, got)
		}
	}
	// The older generation has no client_ip: the charge's own is shown.
	if got := decoded(t, post(t, w.Service, w.key, "/charges/"+charge+"/refunds", `{"amount":1,"description":"d"}`, 200)); got["client_ip"] != "192.0.2.9" {
		t.Errorf("older: %v", got["client_ip"])
	}
	if got := decoded(t, post(t, w.Service, w.key, "/charges/"+charge+"/refunds", `{"amount":1,"description":"d","client_ip":"192.0.2.10"}`, 200)); got["client_ip"] != "192.0.2.10" {
		t.Errorf("older, with an address: %v", got["client_ip"])
	}
}

// created is when the refund was made, not the payment; the older generation
// writes it as a time in Shanghai.
func TestTimesOfARefund(t *testing.T) {
	w := with(t, dialecttest.Start(t), merchant.Test, nil)
	paid := time.Date(2026, 11, 20, 3, 4, 5, 0, time.UTC)
	charge := w.Charge(t, w.merchantID, 100, func(c *refund.Charge) { c.PaidAt, c.CreatedAt = paid, paid.Add(time.Hour) })
	id := decoded(t, w.refund(t, asking(nameIn(t, charge), 1), 200, "Prefer", "wait=5"))["id"].(string)
	stored := w.Refunds(t, charge)[0]
	got := decoded(t, w.get(t, "/obj/"+id, 200))
	if got["created"] != json.Number(fmt.Sprint(stored.CreatedAt.Unix())) {
		t.Errorf("created is %v, want %d", got["created"], stored.CreatedAt.Unix())
	}
	older := decoded(t, get(t, w.Service, w.key, "/charges/"+nameIn(t, charge)+"/refunds/"+id, 200))
	want := map[string]any{
		"created":        stored.CreatedAt.Add(8 * time.Hour).Format("2006-01-02 15:04:05"),
		"time_succeeded": json.Number(fmt.Sprint(stored.SucceededAt.Unix())), "time_failed": nil, "transaction_no": stored.ChannelRefundID,
	}
	for name, value := range want {
		if older[name] != value {
			t.Errorf("older: %s is %v, want %v", name, older[name], value)
		}
	}
	whole := decoded(t, w.get(t, "/obj/"+nameIn(t, charge), 200))
	if whole["time_paid"] != json.Number(fmt.Sprint(paid.Unix())) || whole["created"] != json.Number(fmt.Sprint(paid.Add(time.Hour).Unix())) {
		t.Errorf("the charge is %v", whole)
	}
}

// A refund's id is 27 characters of the usual form.
func TestIDsOfRefunds(t *testing.T) {
	w := with(t, dialecttest.Start(t), merchant.Test, nil)
	charge := w.charge(t, 100, nil)
	var ids []string
	for range 5 {
		id := decoded(t, w.refund(t, asking(charge, 1), 200))["id"].(string)
		tail := strings.TrimPrefix(id, "re_")
		if len(id) != 27 || len(tail) != 24 || strings.Trim(tail, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") != "" || slices.Contains(ids, id) {
			t.Errorf("the id is %s", id)
		}
		ids = append(ids, id)
	}
	if wire.DefaultRefundIDPrefix != "re_" {
		t.Error("the prefix has changed")
	}
}
