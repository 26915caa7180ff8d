package service

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/wire/exactjson"
	"github.com/refundry/refundry/wire/pemkey"
	"github.com/refundry/refundry/wire/wechatpay"
)

// era is a service, and a second one on PostgreSQL, whose clock a test moves.
type era struct {
	services []*Service
	data     string
	ahead    atomic.Int64
}

func beginEra(t *testing.T, database string) *era {
	t.Helper()
	e := &era{data: t.TempDir()}
	opts := Options{Database: database, Data: e.data, Demo: true, Now: e.now}
	e.services = append(e.services, start(t, opts))
	if !strings.HasPrefix(database, "sqlite:") {
		e.services = append(e.services, start(t, opts))
	}
	return e
}

func (e *era) now() time.Time       { return time.Now().Add(time.Duration(e.ahead.Load())) }
func (e *era) pass(d time.Duration) { e.ahead.Add(int64(d)) }

// rotate makes new keys of a kind, which take over in a week.
func (e *era) rotate(t *testing.T, purpose string) []merchant.PlatformKey {
	t.Helper()
	keys, err := RotatePlatformKeys(t.Context(), e.services[0].Store, byRoot, Rotation{Purpose: purpose, ActivateAfter: week}, e.services[0].now())
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func (e *era) retire(t *testing.T, purpose string) {
	t.Helper()
	if _, err := RetireReplacedKeys(t.Context(), e.services[0].Store, byRoot, purpose, "", e.services[0].now()); err != nil {
		t.Fatal(err)
	}
	e.pass(merchant.PublishAfter) // the others know by then
}

const week = 7 * 24 * time.Hour

// do sends a request to one of the replicas.
func (e *era) do(replica int, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.RemoteAddr = "127.0.0.1:1"
	for n := 0; n+1 < len(headers); n += 2 {
		r.Header.Set(headers[n], headers[n+1])
	}
	w := httptest.NewRecorder()
	e.services[replica].Handler().ServeHTTP(w, r)
	return w
}

// wechat sends a signed request as the demo merchant and names a key of the
// platform's; it gives the answer and the serial that signed it.
func (e *era) wechat(t *testing.T, replica int, target, named string) (*httptest.ResponseRecorder, wechatpay.AnswerSignature) {
	t.Helper()
	return e.wechatCall(t, replica, "GET", target, "", named)
}

func (e *era) wechatPost(t *testing.T, replica int, target, body, named string) (*httptest.ResponseRecorder, wechatpay.AnswerSignature) {
	t.Helper()
	return e.wechatCall(t, replica, "POST", target, body, named)
}

func (e *era) wechatCall(t *testing.T, replica int, method, target, body, named string) (*httptest.ResponseRecorder, wechatpay.AnswerSignature) {
	t.Helper()
	_, identity, err := e.services[0].Store.Identity(t.Context(), merchant.WeChatPay, "1900009191")
	if err != nil {
		t.Fatal(err)
	}
	key, err := pemkey.ParseRSAPrivateKey(identity.Secrets[merchant.MerchantKeyPEM])
	if err != nil {
		t.Fatal(err)
	}
	nonce, err := wechatpay.NewNonce(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer := wechatpay.Signer{Serial: identity.Public[merchant.MerchantSerial], Key: key}
	authorization, err := signer.Authorize("1900009191", method, target, []byte(body), nonce, e.now())
	if err != nil {
		t.Fatal(err)
	}
	answer := e.do(replica, method, target, body, "Authorization", authorization.String(), "Content-Type", "application/json", wechatpay.HeaderSerial, named)
	signature, err := wechatpay.ReadAnswerSignature(answer.Header())
	if err != nil {
		t.Fatalf("%s %d: %v", target, answer.Code, err)
	}
	return answer, signature
}

// listed are the certificates that a client downloads, checked as Go's does: by
// those that it has.
func (e *era) listed(t *testing.T, replica int, has wechatpay.PlatformKeys, named string) wechatpay.PlatformKeys {
	t.Helper()
	answer, signature := e.wechat(t, replica, "/v3/certificates", named)
	if err := has.Verify(signature, answer.Body.Bytes(), e.now()); err != nil {
		t.Errorf("a client that has %d certificates and names %q can't verify the list by %s: %v", len(has), named, signature.Serial, err)
	}
	body, err := exactjson.Decode(answer.Body.Bytes(), exactjson.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := wechatpay.OpenCertificates(body, "0123456789abcdef0123456789abcdef")
	if err != nil {
		t.Fatalf("%v: %s", err, answer.Body)
	}
	return keys
}

func (e *era) answeredBy(t *testing.T, named, want string) {
	t.Helper()
	for replica := range e.services {
		if _, signature := e.wechat(t, replica, "/v3/refund/domestic/refunds/none", named); !wechatpay.SameSerial(signature.Serial, want) {
			t.Errorf("replica %d: who names %q is answered by %s, not %s", replica, named, signature.Serial, want)
		}
	}
}

func (e *era) identity(t *testing.T, dialect, name string) merchant.Identity {
	t.Helper()
	_, identity, err := e.services[0].Store.Identity(t.Context(), dialect, name)
	if err != nil {
		t.Fatal(err)
	}
	return identity.Showing(e.now())
}

func (e *era) demoFile(t *testing.T, name string) string {
	t.Helper()
	if err := e.services[0].tellDemo(t.Context()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(e.data, demoDir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAWeChatPayCertificateIsReplacedUnderItsClients(t *testing.T) {
	each(t, func(t *testing.T, database string) {
		e := beginEra(t, database)
		old := e.identity(t, merchant.WeChatPay, "1900009191")
		oldSerial, oldID := old.Public[merchant.PlatformSerial], old.Public[merchant.PlatformPublicKeyID]
		oldKey, err := pemkey.ParseRSAPublicKey(old.Public[merchant.PlatformPublicPEM])
		if err != nil {
			t.Fatal(err)
		}
		has := wechatpay.PlatformKeys{wechatpay.NormalSerial(oldSerial): oldKey}
		if keys := e.rotate(t, merchant.WeChatPay); len(keys) != 3 { // two accounts and Ping++
			t.Errorf("made %v", keys)
		}
		if list := e.listed(t, 0, has, ""); len(list) != 1 {
			t.Errorf("a certificate is shown that another replica may not know: %d", len(list))
		}
		e.pass(merchant.PublishAfter)
		for replica := range e.services {
			if list := e.listed(t, replica, has, ""); len(list) != 2 {
				t.Fatalf("replica %d lists %d certificates", replica, len(list))
			}
		}
		both := e.listed(t, 0, has, oldSerial)
		next := ""
		for serial := range both {
			if serial != wechatpay.NormalSerial(oldSerial) {
				next = serial
			}
		}
		e.answeredBy(t, "", oldSerial)
		e.answeredBy(t, next, next)

		e.pass(week)
		e.answeredBy(t, "", next)
		e.answeredBy(t, oldSerial, oldSerial)
		e.answeredBy(t, oldID, oldID)
		fresh := e.identity(t, merchant.WeChatPay, "1900009191")
		if serial := wechatpay.NormalSerial(fresh.Public[merchant.PlatformSerial]); serial != next {
			t.Errorf("the identity shows %s", serial)
		}
		e.answeredBy(t, fresh.Public[merchant.PlatformPublicKeyID], fresh.Public[merchant.PlatformPublicKeyID])
		if partner := e.identity(t, merchant.WeChatPay, "1900000100"); partner.Public[merchant.PlatformSerial] != fresh.Public[merchant.PlatformSerial] {
			t.Error("the demo merchant's accounts have two keys")
		}
		// A client that slept through the week has the old one alone.
		if list := e.listed(t, 0, has, ""); len(list) != 2 {
			t.Errorf("%d are listed", len(list))
		}
		if text := e.demoFile(t, "platform_cert.pem"); text != fresh.Public[merchant.PlatformCertPEM] {
			t.Error("platform_cert.pem is not the one in use")
		}
		if text := e.demoFile(t, "demo.json"); !strings.Contains(text, fresh.Public[merchant.PlatformSerial]) {
			t.Errorf("demo.json has not %s: %s", next, text)
		}

		e.retire(t, merchant.WeChatPay)
		e.answeredBy(t, "", next)
		for replica := range e.services {
			if list := e.listed(t, replica, both, ""); len(list) != 1 || list[next] == nil {
				t.Errorf("after the old one's end %d are listed", len(list))
			}
			answer, _ := e.wechat(t, replica, "/v3/refund/domestic/refunds/none", oldSerial)
			if answer.Code != http.StatusBadRequest || !strings.Contains(answer.Body.String(), "PARAM_ERROR") {
				t.Errorf("a retired serial is answered %d %s", answer.Code, answer.Body)
			}
		}
	})
}

func TestAFieldEncryptedForTheOldCertificateIsReadUntilItIsRetired(t *testing.T) {
	each(t, func(t *testing.T, database string) {
		e := beginEra(t, database)
		was := e.identity(t, merchant.WeChatPay, "1900009191")
		old := was.Public[merchant.PlatformSerial]
		key, err := pemkey.ParseRSAPublicKey(was.Public[merchant.PlatformPublicPEM])
		if err != nil {
			t.Fatal(err)
		}
		account, err := wechatpay.Encrypt(rand.Reader, key, "6222020000000000000")
		if err != nil {
			t.Fatal(err)
		}
		name, err := wechatpay.Encrypt(rand.Reader, key, "张三")
		if err != nil {
			t.Fatal(err)
		}
		body := fmt.Sprintf(`{"out_refund_no":"none","type":"USER_BANK_CARD","bank_type":"ICBC_DEBIT","bank_account":%q,"real_name":%q}`, account, name)
		target := "/v3/refund/domestic/refunds/50000000382019052709732678859/apply-abnormal-refund"
		e.rotate(t, merchant.PingPP) // the demo merchant's is the same pair
		e.pass(merchant.PublishAfter + week)
		// What can be read is looked for, and there is no such refund.
		for named, status := range map[string]int{old: http.StatusNotFound, "": http.StatusBadRequest} {
			answer, signature := e.wechatPost(t, 0, target, body, named)
			if answer.Code != status || named != "" && !wechatpay.SameSerial(signature.Serial, named) {
				t.Errorf("encrypted for the old one, naming %q: %d by %s: %s", named, answer.Code, signature.Serial, answer.Body)
			}
		}
		if next := e.identity(t, merchant.WeChatPay, "1900009191"); next.Public[merchant.PlatformSerial] == old || next.Public[merchant.PlatformPublicPEM] != e.pingppKey(t).PublicPEM {
			t.Error("the demo merchant's accounts did not follow the Ping++ key")
		}
	})
}
