package wallet_test

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"regexp"
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

// What the sandbox was really sent: the number that the store keeps, the time
// of the submit in Shanghai, the amount in fen; the account is ChinaUMS' own.
func TestTheNineMembersOfExtraAreWhatWasSent(t *testing.T) {
	w := with(t, dialecttest.Start(t), merchant.Test, nil)
	charge := w.Charge(t, w.merchantID, 100, viaChinaUMS)
	extra := extraOf(t, w.refund(t, strings.TrimSuffix(asking(nameIn(t, charge), 30), "}")+`,"extra":{"refund_order":"MINE-1"}}`, 200, "Prefer", "wait=5"))
	stored := w.Refunds(t, charge)[0]
	if stored.Number != "MINE-1" || stored.SubmittedAt.IsZero() {
		t.Fatalf("stored as %q, sent at %v", stored.Number, stored.SubmittedAt)
	}
	want := map[string]string{
		"msg_type": "refund", "request_timestamp": stored.SubmittedAt.Add(8 * time.Hour).UTC().Format("2006-01-02 15:04:05"),
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

func TestTheSignatureIsShownWhereItIsSwitchedOn(t *testing.T) {
	s := dialecttest.Start(t)
	for _, test := range []struct {
		name     string
		settings map[string]string
		want     func(extra map[string]string) string
	}{
		{"no switch", nil, func(map[string]string) string { return "XXX" }},
		{"switched off", map[string]string{wire.SettingShowSign: "off"}, func(map[string]string) string { return "XXX" }},
		{"switched on: MD5 under the documents' key", map[string]string{wire.SettingShowSign: "on"}, func(extra map[string]string) string {
			return fmt.Sprintf("%X", md5.Sum([]byte(upstream(extra, "YUEDANDEFAULT", "")+testKey)))
		}},
		{
			"SHA256, which is signed as a field of its own",
			map[string]string{wire.SettingShowSign: "on", wire.SettingSignType: "SHA256", wire.SettingInstMID: "H5DEFAULT"},
			func(extra map[string]string) string {
				return fmt.Sprintf("%x", sha256.Sum256([]byte(upstream(extra, "H5DEFAULT", "&signType=SHA256")+testKey)))
			},
		},
		{"an account of one's own", map[string]string{
			wire.SettingShowSign: "on", wire.SettingMsgSrc: "WWW.SHOP.COM", wire.SettingMID: "100000000000001", wire.SettingTID: "10000001",
		}, func(extra map[string]string) string {
			if extra["msg_src"] != "WWW.SHOP.COM" || extra["mid"] != "100000000000001" || extra["tid"] != "10000001" {
				t.Errorf("the account is %v", extra)
			}
			return fmt.Sprintf("%X", md5.Sum([]byte(upstream(extra, "YUEDANDEFAULT", "")+testKey)))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := with(t, s, merchant.Test, test.settings)
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

// In live mode no account and no key stands in for what is not set.
func TestALiveAccountSignsWithItsOwnKeyOrNotAtAll(t *testing.T) {
	charge := refund.Charge{OrderNo: "3194T1", Aliases: []refund.Alias{{Dialect: merchant.Wallet, Identity: demoWallet, Name: "c1"}}}
	viaChinaUMS(&charge)
	at := time.Date(2026, 11, 22, 18, 30, 0, 0, time.UTC)
	event := webhook.Event{ID: "evt_1", Type: "refund.succeeded", At: at, Mode: merchant.Live, Charge: charge, Refund: refund.Refund{
		ID: "re_1", Amount: 7, Currency: "CNY", State: refund.Succeeded, ChannelNumber: "3194N1", CreatedAt: at, SubmittedAt: at.Add(time.Second),
	}}
	public := map[string]string{
		wire.SettingShowSign: "on", wire.SettingMsgSrc: "M", wire.SettingMID: "1", wire.SettingTID: "2", wire.SettingInstMID: "I",
	}
	for name, test := range map[string]struct {
		secrets map[string]string
		want    string
	}{
		"no key": {nil, "XXX"},
		"a key": {map[string]string{wire.SecretMessageKey: "k"}, fmt.Sprintf("%X", md5.Sum([]byte(
			"instMid=I&merOrderId=3194T1&mid=1&msgSrc=M&msgType=refund&refundAmount=7&refundOrderId=3194N1&requestTimestamp=2026-11-23 02:30:01&tid=2k")))},
	} {
		known := knownWallet(people{public: public, secrets: test.secrets})
		message, err := wallet.New(wallet.Services{}).Render(known, merchant.Endpoint{}, event)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(`"mid":"1","tid":"2",.*"sign":"([^"]*)"`).FindSubmatch(message.Body)
		if found == nil || string(found[1]) != test.want {
			t.Errorf("%s: want sign %s in %s", name, test.want, message.Body)
		}
	}
}
