package wechatpay_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store/storetest"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

const (
	cardNumber = "6225880123450403"
	holder     = "张三丰真名"
)

// encrypted are the members of a card, as a client encrypts them.
func (c client) encrypted(t *testing.T, number, name string) string {
	t.Helper()
	key := c.keys[wire.NormalSerial(c.platformSerial)]
	account, err := wire.Encrypt(rand.Reader, key, number)
	if err != nil {
		t.Fatal(err)
	}
	real, err := wire.Encrypt(rand.Reader, key, name)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`"type":"USER_BANK_CARD","bank_type":"CMB_DEBIT","bank_account":%q,"real_name":%q`, account, real)
}

// lockedBuffer is a log that many write to.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

// The money goes to the card, of which nothing is left: not in the database,
// not in its files, not in the log (W2.3-11).
func TestAnAbnormalRefundGoesToACardThatIsKeptNowhere(t *testing.T) {
	log := &lockedBuffer{}
	var data string
	s := dialecttest.Start(t, func(o *service.Options) {
		o.Log, data = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})), filepath.Dir(o.Data)
	})
	c := demo(t, s, partner)
	made := decoded(t, c.post(t, refundPath, refundBody("R1", 52, asPartner), 200, "Prefer", "wait=5"))
	if made["status"] != "ABNORMAL" {
		t.Fatalf("made %v", made)
	}
	path := refundPath + "/" + fmt.Sprint(made["refund_id"]) + "/apply-abnormal-refund"
	body := c.post(t, path, `{`+asPartner+`"out_refund_no":"R1",`+c.encrypted(t, cardNumber, holder)+`}`, 200, wire.HeaderSerial, c.publicKeyID)
	after := decoded(t, body)
	if after["status"] != "SUCCESS" || after["channel"] != "OTHER_BANKCARD" || !strings.HasPrefix(fmt.Sprint(after["user_received_account"]), "招商银行") || !strings.HasSuffix(fmt.Sprint(after["user_received_account"]), "0403") {
		t.Errorf("answered %s", body)
	}
	if again := c.get(t, refundPath+"/R1?sub_mchid="+subMchID, 200); again != body {
		t.Errorf("the query answers\n%s", again)
	}
	// Once it is done it is not abnormal any more.
	c.post(t, path, `{`+asPartner+`"out_refund_no":"R1",`+c.encrypted(t, cardNumber, holder)+`}`, 400)
	log.mu.Lock()
	defer log.mu.Unlock()
	everywhere := map[string][]byte{"the log": log.buffer.Bytes()}
	files, err := filepath.Glob(filepath.Join(data, "*.db*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no database files in %s: %v", data, err)
	}
	for _, file := range files {
		if everywhere[file], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	for where, text := range everywhere {
		for _, secret := range []string{cardNumber, holder} {
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("%s is in %s", secret, where)
			}
		}
	}
}

func TestAnAbnormalRefundGoesBackToTheMerchant(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, direct)
	made := decoded(t, c.post(t, refundPath, refundBody("R1", 52, ""), 200, "Prefer", "wait=5"))
	path := refundPath + "/" + fmt.Sprint(made["refund_id"]) + "/apply-abnormal-refund"
	after := decoded(t, c.post(t, path, `{"out_refund_no":"R1","type":"MERCHANT_BANK_CARD"}`, 200))
	if after["status"] != "SUCCESS" || after["user_received_account"] != "商户结算银行账户" {
		t.Errorf("answered %v", after)
	}
}

// A system that asks for refunds chooses no new destination where refunds take a second
// person.
func TestAnAbnormalRefundStaysWhereASecondPersonIsNeeded(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, direct)
	made := decoded(t, c.post(t, refundPath, refundBody("R1", 52, ""), 200, "Prefer", "wait=5"))
	now := time.Now()
	err := s.Store.AddPolicy(t.Context(), merchant.Policy{
		MerchantID: merchant.DemoID, ID: "pol_1", Name: "p", Expression: "false", Effect: merchant.PolicyHold, HoldHours: 1, Enabled: true, Version: 1,
		CreatedAt: now, UpdatedAt: now, UpdatedBy: audit.ByCommand("test"),
	}, nil, storetest.Record(merchant.DemoID))
	if err != nil {
		t.Fatal(err)
	}
	path := refundPath + "/" + fmt.Sprint(made["refund_id"]) + "/apply-abnormal-refund"
	for _, body := range []string{`{"out_refund_no":"R1","type":"MERCHANT_BANK_CARD"}`, `{"out_refund_no":"R1",` + c.encrypted(t, cardNumber, holder) + `}`} {
		if answer := decoded(t, c.post(t, path, body, 403)); answer["code"] != "NO_AUTH" {
			t.Errorf("answered %v", answer)
		}
	}
	if after := decoded(t, c.get(t, refundPath+"/R1", 200)); after["status"] != "ABNORMAL" {
		t.Errorf("it is %v", after)
	}
}

func TestWhatCannotBeReroutedIsRefused(t *testing.T) {
	// The clock stands still: an abnormal refund is asked about every few
	// seconds, and what that leaves in the rows is none of the requests' doing.
	began := time.Now()
	s := dialecttest.Start(t, func(o *service.Options) { o.Now = func() time.Time { return began } })
	c := demo(t, s, direct)
	abnormal := decoded(t, c.post(t, refundPath, refundBody("R1", 52, ""), 200, "Prefer", "wait=5"))
	done := decoded(t, c.post(t, refundPath, refundBody("R2", 10, ""), 200, "Prefer", "wait=5"))
	path := func(id any) string { return refundPath + "/" + fmt.Sprint(id) + "/apply-abnormal-refund" }
	card := c.encrypted(t, cardNumber, holder)
	p := demo(t, s, partner)
	foreign := c
	foreign.keys = wire.PlatformKeys{wire.NormalSerial(c.platformSerial): &c.signer.Key.PublicKey} // the merchant's own
	other := foreign.encrypted(t, cardNumber, holder)
	for name, test := range map[string]struct {
		path, body, code, field string
		status                  int
	}{
		"another refund's id":         {path(done["refund_id"]), `{"out_refund_no":"R1","type":"MERCHANT_BANK_CARD"}`, "INVALID_REQUEST", "", 400},
		"one that succeeded":          {path(done["refund_id"]), `{"out_refund_no":"R2","type":"MERCHANT_BANK_CARD"}`, "INVALID_REQUEST", "", 400},
		"an unknown number":           {path(abnormal["refund_id"]), `{"out_refund_no":"R3","type":"MERCHANT_BANK_CARD"}`, "RESOURCE_NOT_EXISTS", "", 404},
		"an id that is none":          {path("re%20x"), `{"out_refund_no":"R1","type":"MERCHANT_BANK_CARD"}`, "PARAM_ERROR", "refund_id", 400},
		"no type":                     {path(abnormal["refund_id"]), `{"out_refund_no":"R1"}`, "PARAM_ERROR", "/type", 400},
		"a bank of credit cards":      {path(abnormal["refund_id"]), `{"out_refund_no":"R1",` + strings.Replace(card, "CMB_DEBIT", "CMB_CREDIT", 1) + `}`, "PARAM_ERROR", "/bank_type", 400},
		"a card in clear":             {path(abnormal["refund_id"]), `{"out_refund_no":"R1","type":"USER_BANK_CARD","bank_type":"CMB_DEBIT","bank_account":"` + cardNumber + `","real_name":"x"}`, "PARAM_ERROR", "/bank_account", 400},
		"an empty number encrypted":   {path(abnormal["refund_id"]), `{"out_refund_no":"R1",` + c.encrypted(t, "", holder) + `}`, "PARAM_ERROR", "/bank_account", 400},
		"no name":                     {path(abnormal["refund_id"]), `{"out_refund_no":"R1",` + card[:strings.Index(card, `,"real_name"`)] + `}`, "PARAM_ERROR", "/real_name", 400},
		"a sub-merchant":              {path(abnormal["refund_id"]), `{` + asPartner + `"out_refund_no":"R1","type":"MERCHANT_BANK_CARD"}`, "PARAM_ERROR", "/sub_mchid", 400},
		"encrypted with another key":  {path(abnormal["refund_id"]), `{"out_refund_no":"R1",` + other + `}`, "PARAM_ERROR", "/bank_account", 400},
		"an account that is too long": {path(abnormal["refund_id"]), `{"out_refund_no":"R1","type":"USER_BANK_CARD","bank_type":"CMB_DEBIT","bank_account":"` + strings.Repeat("A", 1025) + `","real_name":"x"}`, "PARAM_ERROR", "/bank_account", 400},
		"no bank":                     {path(abnormal["refund_id"]), `{"out_refund_no":"R1",` + strings.Replace(card, "bank_type", "bank", 1) + `}`, "PARAM_ERROR", "/bank_type", 400},
		"no number":                   {path(abnormal["refund_id"]), `{"type":"MERCHANT_BANK_CARD"}`, "PARAM_ERROR", "/out_refund_no", 400},
		"another type":                {path(abnormal["refund_id"]), `{"out_refund_no":"R1","type":"CARD"}`, "PARAM_ERROR", "/type", 400},
		"no JSON":                     {path(abnormal["refund_id"]), `{`, "PARAM_ERROR", "", 400},
	} {
		s.Unchanged(t, func() {
			text := c.post(t, test.path, test.body, test.status)
			answer := decoded(t, text)
			detail, _ := answer["detail"].(map[string]any)
			if answer["code"] != test.code || test.field != "" && detail["field"] != test.field {
				t.Errorf("%s: %s", name, text)
			}
			if strings.Contains(text, cardNumber) {
				t.Errorf("%s: the answer repeats the card: %s", name, text)
			}
		})
	}
	// The refund is the partner's too, under its sub-merchant alone; and a key
	// that we do not have can't have encrypted anything.
	p.post(t, path(abnormal["refund_id"]), `{"out_refund_no":"R1","type":"MERCHANT_BANK_CARD"}`, 400)
	p.post(t, path(abnormal["refund_id"]), `{"sub_mchid":"1900000110","out_refund_no":"R1","type":"MERCHANT_BANK_CARD"}`, 404)
	c.post(t, path(abnormal["refund_id"]), `{"out_refund_no":"R1",`+card+`}`, 400, wire.HeaderSerial, "PUB_KEY_ID_0000000000000000000000000000")
	// The merchant's own account needs no card: what is sent of one is ignored.
	after := decoded(t, p.post(t, path(abnormal["refund_id"]), `{`+asPartner+`"out_refund_no":"R1","type":"MERCHANT_BANK_CARD","bank_type":"?","bank_account":5}`, 200))
	if after["user_received_account"] != "商户结算银行账户" || after["channel"] != "ORIGINAL" {
		t.Errorf("back to the merchant: %v", after)
	}
}
