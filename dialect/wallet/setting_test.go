package wallet_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/dialect/wallet"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/storetest"
	wire "github.com/refundry/refundry/wire/wallet"
)

// world is a merchant whose wallet has settings.
type world struct {
	*dialecttest.Service
	merchantID, key, wallet string
	// keys are the merchant's side of sealed requests.
	keys wire.Keys
}

func with(t testing.TB, s *dialecttest.Service, mode merchant.Mode, settings map[string]string) world {
	t.Helper()
	fresh := s.Merchant(t, "settings", mode, func(f *merchant.Fresh) {
		for n := range f.Identities {
			if f.Identities[n].Dialect == merchant.Wallet {
				maps.Copy(f.Identities[n].Public, settings)
			}
		}
	})
	wallet, _ := fresh.Identity(merchant.Wallet)
	return world{s, fresh.Merchant.ID, fresh.Key(merchant.Wallet), wallet.Name, keysOf(t, wallet)}
}

func (w world) charge(t testing.TB, amount money.Minor, edit func(*refund.Charge)) string {
	t.Helper()
	return nameIn(t, w.Charge(t, w.merchantID, amount, edit))
}

func (w world) refund(t testing.TB, body string, status int, headers ...string) string {
	t.Helper()
	return post(t, w.Service, w.key, "/wallet/"+w.wallet+"/refund", body, status, headers...)
}

func (w world) get(t testing.TB, path string, status int) string {
	t.Helper()
	return get(t, w.Service, w.key, "/wallet/"+w.wallet+path, status)
}

func TestPlainAnswersAreWrappedWhereTheWalletWantsIt(t *testing.T) {
	w := with(t, dialecttest.Start(t), merchant.Test, map[string]string{wire.SettingReply: wire.ReplyWrapped})
	charge := w.charge(t, 100, nil)
	made := decoded(t, data(t, w.refund(t, asking(charge, 30), 200)))
	if read := decoded(t, data(t, w.get(t, "/obj/"+made["id"].(string), 200))); read["id"] != made["id"] {
		t.Errorf("got %v", read)
	}
	if list := data(t, get(t, w.Service, w.key, "/charges/"+charge+"/refunds?page=1&count=1", 200)); !strings.HasPrefix(list, `[{"id":`) {
		t.Errorf("the older list is no bare array in data: %s", list)
	}
	if got := w.refund(t, asking(charge, 71), 402); got != `{"code":100028,"message":"amount is more than is still refundable","data":null}` {
		t.Errorf("errors are wrapped once: %s", got)
	}
}

func TestCurrenciesAreWrittenInTheWalletsStyle(t *testing.T) {
	s := dialecttest.Start(t)
	for _, test := range []struct {
		style    string
		currency money.Currency
		want     string
	}{
		{"", "CNY", "CHY"},
		{"seed", "CNY", "CHY"},
		{"iso", "CNY", "cny"},
		{"", "USD", "usd"},
		{"iso", "JPY", "jpy"},
		{"seed", "KWD", "kwd"},
	} {
		w := with(t, s, merchant.Test, map[string]string{wire.SettingCurrencyStyle: test.style})
		charge := w.charge(t, 100, func(c *refund.Charge) { c.Currency = test.currency })
		made := decoded(t, w.refund(t, asking(charge, 30), 200))
		object := decoded(t, w.get(t, "/obj/"+charge, 200))
		if made["currency"] != test.want || object["currency"] != test.want {
			t.Errorf("%s in style %q: refund %v, charge %v, want %s", test.currency, test.style, made["currency"], object["currency"], test.want)
		}
	}
}

// CHY and CNY, in any letter case, are the same; other codes are taken too, and
// what is stored is always the code of ISO 4217.
func TestCurrenciesComeInAnyForm(t *testing.T) {
	w := with(t, dialecttest.Start(t), merchant.Test, map[string]string{wire.SettingCurrencyStyle: "iso"})
	for n, test := range [][2]string{{"CHY", "cny"}, {"chy", "cny"}, {"Chy", "cny"}, {"CNY", "cny"}, {"cny", "cny"}, {"USD", "usd"}, {"kwd", "kwd"}} {
		body := fmt.Sprintf(`{"channel":"wx","order_no":"C%d","client_ip":"::1","amount":1,"currency":%q,"subject":"s"}`, n, test[0])
		made := decoded(t, post(t, w.Service, w.key, "/wallet/"+w.wallet+"/charges", body, 200))
		if made["currency"] != test[1] {
			t.Errorf("%s is %v", test[0], made["currency"])
		}
		stored, err := w.Store.Charge(t.Context(), w.merchantID, made["id"].(string))
		if err != nil || string(stored.Currency) != strings.ToUpper(test[1]) {
			t.Errorf("%s is stored as %s (%v)", test[0], stored.Currency, err)
		}
	}
}

func TestRefundIDsBeginAsTheWalletWants(t *testing.T) {
	w := with(t, dialecttest.Start(t), merchant.Test, map[string]string{wire.SettingRefundIDPrefix: "ch_"})
	charge := w.charge(t, 100, nil)
	id := decoded(t, w.refund(t, asking(charge, 30), 200))["id"].(string)
	if !strings.HasPrefix(id, "ch_") || len(id) != 27 {
		t.Errorf("the id is %s", id)
	}
	// It is read by that id, by the one it would have had before, and is no
	// charge though it looks like one.
	for _, path := range []string{"/obj/" + id, "/obj/re_" + strings.TrimPrefix(id, "ch_")} {
		if got := decoded(t, w.get(t, path, 200)); got["type"] != "refund" || got["id"] != id {
			t.Errorf("%s gives %v", path, got)
		}
	}
	if got := decoded(t, w.get(t, "/obj/"+charge, 200)); got["type"] != "charge" {
		t.Errorf("the charge is %v", got)
	}
	if got := decoded(t, get(t, w.Service, w.key, "/charges/"+charge+"/refunds/"+id, 200)); got["id"] != id {
		t.Errorf("the older generation gives %v", got)
	}
}

func TestALockedOrUnapprovedWalletTakesNoWrites(t *testing.T) {
	s := dialecttest.Start(t)
	for name, settings := range map[string]map[string]string{
		"locked":       {wire.SettingBlock: wire.SettingOn},
		"not approved": {wire.SettingReviewed: wire.SettingOff},
	} {
		t.Run(name, func(t *testing.T) {
			w := with(t, s, merchant.Test, settings)
			charge := w.charge(t, 100, nil)
			const want = `{"code":100036,"message":"the wallet is locked or not approved","data":null}`
			s.Unchanged(t, func() {
				for path, body := range map[string]string{
					"/wallet/" + w.wallet + "/refund": asking(charge, 30), "/charges/" + charge + "/refunds": `{"amount":1,"description":"d"}`,
					"/wallet/" + w.wallet + "/charges": `no JSON, which comes later`,
				} {
					if got := post(t, s, w.key, path, body, 402); got != want {
						t.Errorf("%s: %s", path, got)
					}
				}
			})
			wallet := decoded(t, w.get(t, "", 200))
			status := map[bool]string{true: "succeeded", false: "pending"}[name == "locked"]
			if wallet["block"] != (name == "locked") || wallet["reviewed"] != (name == "locked") || wallet["status"] != status {
				t.Errorf("the wallet is %v", wallet)
			}
			w.get(t, "/obj/"+charge, 200)
		})
	}
}

func TestLiveKeysSendPlainRequestsOnlyWhereMarked(t *testing.T) {
	s := dialecttest.Start(t)
	const sealedOnly = `{"code":401,"message":"this key takes sealed requests only","data":null}`
	if got := with(t, s, merchant.Live, nil).get(t, "", 401); got != sealedOnly {
		t.Errorf("got %s", got)
	}
	w := with(t, s, merchant.Live, map[string]string{wire.SettingPlain: wire.SettingOn})
	w.get(t, "", 200)
	// Charges are made in test mode alone; a live key lacks the scope.
	want := `{"code":100036,"message":"the key lacks the scope charges:write","data":null}`
	if got := post(t, s, w.key, "/wallet/"+w.wallet+"/charges", `{}`, 402); got != want {
		t.Errorf("got %s", got)
	}
}

// The key's own mark goes before its wallet's switch, and that before the mode.
func TestPlainRequestsAreForKeysThatAreMarked(t *testing.T) {
	s := dialecttest.Start(t)
	const on, off = wire.SettingOn, wire.SettingOff
	for _, test := range []struct {
		name         string
		mode         merchant.Mode
		wallet, mark string
		want         int
	}{
		{"a key of test mode without a mark", merchant.Test, "", "", 200},
		{"a key of live mode without a mark", merchant.Live, "", "", 401},
		{"a marked key of live mode", merchant.Live, "", on, 200},
		{"a marked key of a wallet that seals", merchant.Test, off, on, 200},
		{"a key without a mark of a wallet that seals", merchant.Test, off, "", 401},
		{"a key that is marked off in test mode", merchant.Test, "", off, 401},
		{"a key that is marked off, of a wallet that is open", merchant.Live, on, off, 401},
		{"a mark that nobody knows is none", merchant.Live, on, "maybe", 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := with(t, s, test.mode, map[string]string{wire.SettingPlain: test.wallet})
			key := wallet.Describe().NewKey(merchant.Merchant{ID: w.merchantID, Mode: test.mode}, w.wallet, nil, time.Now())
			key.Key.Plain = test.mark
			if err := s.Store.AddKey(t.Context(), key, storetest.Record(key.Key.MerchantID)); err != nil {
				t.Fatal(err)
			}
			get(t, s, key.Secret, "/wallet/"+w.wallet, test.want)
			sealed(t, s.URL, key.Secret, w.keys, "GET", "/wallet/"+w.wallet, "", 200)
		})
	}
}

// The native API makes a second key of the demo's wallet, which must seal;
// the demo's own key still need not.
func TestAKeyIsMarkedWhenItIsMade(t *testing.T) {
	s := dialecttest.Start(t)
	native := func(body string, status int) string {
		t.Helper()
		return send(t, dialecttest.Request(t, "POST", s.URL+"/refundry/v1/keys", body, "Authorization", "Bearer rk_test_demo", "Content-Type", "application/json"), status)
	}
	made := decoded(t, native(`{"dialect":"wallet","plain":"off"}`, 201))
	if made["plain"] != "off" {
		t.Errorf("made %v", made)
	}
	get(t, s, made["secret"].(string), "/wallet/"+demoWallet, 401)
	get(t, s, demoKey, "/wallet/"+demoWallet, 200)
	native(`{"dialect":"wallet","plain":"yes"}`, 400)
	native(`{"dialect":"pingpp","plain":"on"}`, 400)
	listed := send(t, dialecttest.Request(t, "GET", s.URL+"/refundry/v1/keys", "", "Authorization", "Bearer rk_test_demo"), 200)
	if strings.Count(listed, `"plain":"off"`) != 1 || strings.Contains(listed, `"plain":""`) {
		t.Errorf("listed %s", listed)
	}
}

// begin_time and end_time are both exclusive, by the seconds that objects show.
func TestBoundsOfListsAreExclusive(t *testing.T) {
	w := with(t, dialecttest.Start(t), merchant.Test, nil)
	at := time.Date(2026, 11, 22, 10, 0, 0, 500_000_000, time.UTC)
	charge := w.charge(t, 100, func(c *refund.Charge) { c.CreatedAt = at })
	for query, want := range map[string]string{
		"begin_time=%d": "0", "begin_time=%[2]d": "1", "end_time=%d": "0", "end_time=%[3]d": "1", "begin_time=%[2]d&end_time=%[3]d": "1",
	} {
		query = strings.Split(fmt.Sprintf(query+"!%[1]d%[2]d%[3]d", at.Unix(), at.Unix()-1, at.Unix()+1), "!")[0]
		list := w.get(t, "/charges/list?page=1&count=10&"+query, 200)
		if !strings.HasPrefix(list, `{"total":`+want+",") || strings.Contains(list, charge) != (want == "1") {
			t.Errorf("%s: %s", query, list)
		}
	}
}

// A wallet's charges are its own, also when one merchant has two wallets.
func TestTwoWalletsOfOneMerchantShareNoCharges(t *testing.T) {
	s := dialecttest.Start(t)
	fresh := s.Merchant(t, "two wallets", merchant.Test, func(f *merchant.Fresh) {
		second, _ := f.Identity(merchant.Wallet)
		second.Name = "wallet_second"
		f.Identities = append(f.Identities, second)
		f.Keys = append(f.Keys, wallet.Describe().NewKey(f.Merchant, second.Name, nil, f.Merchant.CreatedAt))
	})
	first, second := fresh.Key(merchant.Wallet), fresh.Keys[len(fresh.Keys)-1].Secret
	name, _ := fresh.Identity(merchant.Wallet)
	// Named, for which of the two would be given a name by itself is a matter of
	// their names' order.
	charge := nameIn(t, s.Charge(t, fresh.Merchant.ID, 100, func(c *refund.Charge) {
		c.Aliases = []refund.Alias{{Dialect: merchant.Wallet, Identity: name.Name, Name: "c1"}}
	}))
	id := decoded(t, post(t, s, first, "/wallet/"+name.Name+"/refund", asking(charge, 10), 200))["id"].(string)
	const noCharge = `{"code":10002,"message":"charge not found","data":null}`
	if got := post(t, s, second, "/wallet/wallet_second/refund", asking(charge, 10), 404); got != noCharge {
		t.Errorf("got %s", got)
	}
	if got := get(t, s, second, "/wallet/wallet_second/obj/"+charge, 404); got != noCharge {
		t.Errorf("got %s", got)
	}
	if got := get(t, s, second, "/wallet/wallet_second/obj/"+id, 404); got != `{"code":100030,"message":"refund not found","data":null}` {
		t.Errorf("got %s", got)
	}
	if got := get(t, s, second, "/wallet/wallet_second/charges/list?page=1&count=9", 200); got != `{"total":0,"data":[]}` {
		t.Errorf("got %s", got)
	}
	if got := get(t, s, second, "/wallet/"+name.Name, 404); got != `{"code":100034,"message":"api_key_wallet_mismatching","data":null}` {
		t.Errorf("got %s", got)
	}
}
