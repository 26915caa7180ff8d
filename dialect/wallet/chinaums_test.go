package wallet_test

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/channel/sandbox"
	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/dialect/wallet"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/storetest"
	"github.com/refundry/refundry/webhook"
	wire "github.com/refundry/refundry/wire/wallet"
)

// extraOf takes the nine members of a refund that went through ChinaUMS.
func extraOf(t testing.TB, answer string) map[string]string {
	t.Helper()
	var object struct {
		Extra map[string]string `json:"extra"`
	}
	if err := json.Unmarshal([]byte(answer), &object); err != nil {
		t.Fatal(err)
	}
	return object.Extra
}

// upstream is what a receiver would put together from extra to check the
// signature by itself, behind the fields that do not stand there.
func upstream(extra map[string]string, instMID, tail string) string {
	return fmt.Sprintf("instMid=%s&merOrderId=%s&mid=%s&msgSrc=%s&msgType=%s&refundAmount=%s&refundOrderId=%s&requestTimestamp=%s%s&tid=%s",
		instMID, extra["mer_order_id"], extra["mid"], extra["msg_src"], extra["msg_type"], extra["refund_amount"], extra["refund_order"], extra["request_timestamp"], tail, extra["tid"])
}

// testKey is the communication key of ChinaUMS' documents.
const testKey = "fcAmtnx7MwismjWNhNKdHC44mNXtnEQeJkRrhKJwyrW2ysRR"

func viaChinaUMS(c *refund.Charge) {
	c.Channel, c.Detail.Route = "wechat_qrcode", "chinaums"
}

// sandboxAccount sets settings and secrets of the merchant's sandbox account.
func (w world) sandboxAccount(t testing.TB, settings, secrets map[string]string) {
	t.Helper()
	accounts, err := w.Store.ChannelAccounts(t.Context(), w.merchantID)
	if err != nil {
		t.Fatal(err)
	}
	account, _ := dialect.SandboxAccount(accounts)
	now := time.Now()
	_, err = w.Store.ChangeAccount(t.Context(), w.merchantID, account.ID, storetest.Record(w.merchantID), now, func(a *merchant.ChannelAccount) error {
		*a = a.Renew(settings, secrets, now)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// empty are the nine members while nothing was sent.
func empty() map[string]string {
	return map[string]string{
		"msg_type": "", "request_timestamp": "", "msg_src": "", "mid": "", "tid": "", "mer_order_id": "", "refund_order": "", "refund_amount": "", "sign": "",
	}
}

// What the sandbox was really sent: the number that the store keeps, the time
// of the submit in Shanghai, the amount in fen; the account is ChinaUMS' own.
func TestTheNineMembersOfExtraAreWhatWasSent(t *testing.T) {
	w := with(t, dialecttest.Start(t), merchant.Test, nil)
	charge := w.Charge(t, w.merchantID, 100, viaChinaUMS)
	before := time.Now()
	extra := extraOf(t, w.refund(t, strings.TrimSuffix(asking(nameIn(t, charge), 30), "}")+`,"extra":{"refund_order":"MINE-1"}}`, 200, "Prefer", "wait=5"))
	stored := w.Refunds(t, charge)[0]
	if stored.Number != "MINE-1" || stored.SubmittedAt.IsZero() {
		t.Fatalf("stored as %q, sent at %v", stored.Number, stored.SubmittedAt)
	}
	sentAt, err := time.ParseInLocation(time.DateTime, extra["request_timestamp"], time.FixedZone("", 8*60*60))
	if err != nil || sentAt.Before(before.Truncate(time.Second)) || sentAt.After(time.Now()) {
		t.Errorf("sent at %v (%v)", sentAt, err)
	}
	want := map[string]string{
		"msg_type": "refund", "request_timestamp": extra["request_timestamp"],
		"msg_src": "WWW.TEST.COM", "mid": "898340149000005", "tid": "88880001",
		"mer_order_id": charge.OrderNo, "refund_order": stored.ChannelNumber, "refund_amount": "30", "sign": "XXX",
	}
	if diff := cmp.Diff(want, extra); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	// What a refund of another route shows.
	other := w.refund(t, asking(w.charge(t, 100, nil), 30), 200)
	if !strings.Contains(other, `"extra":{},`) {
		t.Errorf("got %s", other)
	}
}

// What would have been sent is not told: a paused account sends nothing.
func TestUntilSomethingWasSentTheNineMembersAreEmpty(t *testing.T) {
	w := with(t, dialecttest.Start(t), merchant.Test, map[string]string{wire.SettingShowSign: "on"})
	charge := w.Charge(t, w.merchantID, 100, viaChinaUMS)
	set := func(state merchant.AccountState) {
		_, err := w.Store.ChangeAccount(t.Context(), w.merchantID, charge.ChannelAccount, storetest.Record(w.merchantID), time.Now(),
			func(a *merchant.ChannelAccount) error { a.State = state; return nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	set(merchant.AccountPaused)
	made := w.refund(t, asking(nameIn(t, charge), 30), 200)
	if diff := cmp.Diff(empty(), extraOf(t, made)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	readContract(t).Line(t, "Refund", made)
	set(merchant.AccountActive)
	repeated := w.refund(t, asking(nameIn(t, charge), 40), 200, "Prefer", "wait=5")
	if extra := extraOf(t, repeated); extra["refund_amount"] != "40" || extra["sign"] == "" {
		t.Errorf("what was sent is %v", extra)
	}
}

// A change of the account shows in what is sent from then on.
func TestWhatWasSentStaysAsItWas(t *testing.T) {
	w := with(t, dialecttest.Start(t), merchant.Test, map[string]string{wire.SettingShowSign: "on"})
	charge := w.charge(t, 100, viaChinaUMS)
	made := w.refund(t, asking(charge, 30), 200, "Prefer", "wait=5")
	w.sandboxAccount(t, map[string]string{sandbox.SettingMID: "100000000000001"}, map[string]string{sandbox.SecretMessageKey: "new"})
	if read := w.get(t, "/obj/"+decoded(t, made)["id"].(string), 200); read != made {
		t.Errorf("read\n%s\nmade\n%s", read, made)
	}
	next := extraOf(t, w.refund(t, asking(charge, 31), 200, "Prefer", "wait=5"))
	if want := fmt.Sprintf("%X", md5.Sum([]byte(upstream(next, "YUEDANDEFAULT", "")+"new"))); next["mid"] != "100000000000001" || next["sign"] != want {
		t.Errorf("the next is %v, want the sign %s", next, want)
	}
}

func TestTheSignatureIsShownWhereItIsSwitchedOn(t *testing.T) {
	s := dialecttest.Start(t)
	for _, test := range []struct {
		name     string
		show     string
		settings map[string]string
		want     func(extra map[string]string) string
	}{
		{"no switch", "", nil, func(map[string]string) string { return "XXX" }},
		{"switched off", "off", nil, func(map[string]string) string { return "XXX" }},
		{"switched on: MD5 under the documents' key", "on", nil, func(extra map[string]string) string {
			return fmt.Sprintf("%X", md5.Sum([]byte(upstream(extra, "YUEDANDEFAULT", "")+testKey)))
		}},
		{
			"SHA256, which is signed as a field of its own", "on",
			map[string]string{sandbox.SettingSignType: "SHA256", sandbox.SettingInstMID: "H5DEFAULT"},
			func(extra map[string]string) string {
				return fmt.Sprintf("%x", sha256.Sum256([]byte(upstream(extra, "H5DEFAULT", "&signType=SHA256")+testKey)))
			},
		},
		{"an account of one's own", "on", map[string]string{
			sandbox.SettingMsgSrc: "WWW.SHOP.COM", sandbox.SettingMID: "100000000000001", sandbox.SettingTID: "10000001",
		}, func(extra map[string]string) string {
			if extra["msg_src"] != "WWW.SHOP.COM" || extra["mid"] != "100000000000001" || extra["tid"] != "10000001" {
				t.Errorf("the account is %v", extra)
			}
			return fmt.Sprintf("%X", md5.Sum([]byte(upstream(extra, "YUEDANDEFAULT", "")+testKey)))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var settings map[string]string
			if test.show != "" {
				settings = map[string]string{wire.SettingShowSign: test.show}
			}
			w := with(t, s, merchant.Test, settings)
			if test.settings != nil {
				w.sandboxAccount(t, test.settings, nil)
			}
			charge := w.charge(t, 100, viaChinaUMS)
			made := w.refund(t, asking(charge, 30), 200, "Prefer", "wait=5")
			extra := extraOf(t, made)
			if want := test.want(extra); extra["sign"] != want || len(extra) != 9 {
				t.Errorf("sign is %s, want %s, of %v", extra["sign"], want, extra)
			}
			if read := w.get(t, "/obj/"+decoded(t, made)["id"].(string), 200); read != made {
				t.Errorf("read\n%s\nmade\n%s", read, made)
			}
		})
	}
}

// A webhook shows what was sent too. What was sent without a signature has none
// that could be shown.
func TestAWebhookShowsWhatWasSent(t *testing.T) {
	charge := refund.Charge{OrderNo: "3194T1", Aliases: []refund.Alias{{Dialect: merchant.Wallet, Identity: demoWallet, Name: "c1"}}}
	viaChinaUMS(&charge)
	at := time.Date(2026, 11, 22, 18, 30, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		shown map[string]string
		want  string
	}{
		"nothing was sent":    {nil, `"mid":"","tid":"","mer_order_id":"","refund_order":"","refund_amount":"","sign":""}`},
		"without a signature": {map[string]string{"msgType": "refund", "mid": "1", "tid": "2", "refundAmount": "7"}, `"mid":"1","tid":"2","mer_order_id":"","refund_order":"","refund_amount":"7","sign":"XXX"}`},
		"with one": {
			map[string]string{"msgType": "refund", "mid": "1", "tid": "2", "merOrderId": "3194T1", "refundOrderId": "3194N1", "refundAmount": "7", "sign": "0F"},
			`"mid":"1","tid":"2","mer_order_id":"3194T1","refund_order":"3194N1","refund_amount":"7","sign":"0F"}`,
		},
	} {
		event := webhook.Event{ID: "evt_1", Type: "refund.succeeded", At: at, Mode: merchant.Live, Charge: charge, Refund: refund.Refund{
			ID: "re_1", Amount: 7, Currency: "CNY", State: refund.Succeeded, ChannelNumber: "3194N1", CreatedAt: at, SubmittedAt: at.Add(time.Second), Shown: test.shown,
		}}
		known := knownWallet(people{public: map[string]string{wire.SettingShowSign: "on"}})
		message, err := wallet.New(wallet.Services{}).Render(known, merchant.Endpoint{}, event)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(message.Body), test.want) {
			t.Errorf("%s: want %s in %s", name, test.want, message.Body)
		}
	}
}
