package service

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/storetest"
	"github.com/refundry/refundry/wire/exactjson"
	"github.com/refundry/refundry/wire/pemkey"
	"github.com/refundry/refundry/wire/pingpp"
	"github.com/refundry/refundry/wire/wallet"
)

// byRoot is who rotates keys in these tests.
var byRoot = admin.By{Actor: audit.ByCommand("root")}

func (e *era) pingppKey(t *testing.T) merchant.PlatformKey {
	t.Helper()
	key, err := e.services[len(e.services)-1].Store.PlatformKey(t.Context(), merchant.PingPP)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestThePingppKeyIsReplaced(t *testing.T) {
	each(t, func(t *testing.T, database string) {
		e := beginEra(t, database)
		old := e.pingppKey(t)
		keys := e.rotate(t, merchant.PingPP)
		next := keys[len(keys)-1]
		signs := func(key merchant.PlatformKey) {
			t.Helper()
			public, err := pemkey.ParseRSAPublicKey(key.PublicPEM)
			if err != nil {
				t.Fatal(err)
			}
			for replica := range e.services {
				answer := e.do(replica, "GET", "/v1/charges/ch_L8qn10mLmr1GS8e5OODmHaL4", "", "Authorization",
					"Basic "+base64.StdEncoding.EncodeToString([]byte("sk_test_ibbTe5jLGCi5rzfH4OqPW9KC:")))
				if err := pemkey.VerifySHA256(public, answer.Body.Bytes(), answer.Header().Get(pingpp.HeaderSignature)); answer.Code != 200 || err != nil {
					t.Errorf("replica %d answers %d, and its signature is not %s's: %v", replica, answer.Code, key.ID, err)
				}
			}
		}
		e.pass(merchant.PublishAfter)
		signs(old)
		e.pass(week)
		signs(next)
		if e.demoFile(t, "platform_key.pem") != next.PrivatePEM {
			t.Error("platform_key.pem is not the one in use")
		}
		if key, err := e.services[0].Store.PlatformKeyByID(t.Context(), old.ID); err != nil || key.ID != old.ID {
			t.Errorf("a delivery that began with the old key is signed with %s, %v", key.ID, err)
		}
		e.retire(t, merchant.PingPP)
		if key, err := e.services[0].Store.PlatformKeyByID(t.Context(), old.ID); err != nil || key.ID != next.ID {
			t.Errorf("a retired key signs on: %s, %v", key.ID, err)
		}
		signs(next)
	})
}

func TestTheKeyOfTheWalletsWebhooksIsReplaced(t *testing.T) {
	each(t, func(t *testing.T, database string) {
		e := beginEra(t, database)
		_, body := call(t, e.services[0], "POST", "/refundry/v1/endpoints", `{"url": "https://93.184.216.34/hook", "dialect": "wallet"}`)
		type shown struct {
			KeyID string `json:"key_id"`
			Next  *struct {
				KeyID     string `json:"key_id"`
				PublicKey string `json:"public_key"`
			} `json:"next"`
		}
		var made struct {
			ID           string `json:"id"`
			Verification shown  `json:"verification"`
		}
		if err := json.Unmarshal(body, &made); err != nil || made.ID == "" || made.Verification.Next != nil {
			t.Fatalf("%v: %s", err, body)
		}
		next := e.rotate(t, merchant.Native)[0]
		look := func() shown {
			_, body := call(t, e.services[0], "GET", "/refundry/v1/endpoints/"+made.ID, "")
			var now struct {
				Verification shown `json:"verification"`
			}
			if err := json.Unmarshal(body, &now); err != nil {
				t.Fatalf("%v: %s", err, body)
			}
			return now.Verification
		}
		e.pass(merchant.PublishAfter)
		if got := look(); got.KeyID != made.Verification.KeyID || got.Next == nil || got.Next.KeyID != next.ID || !strings.HasPrefix(got.Next.PublicKey, "whpk_") {
			t.Errorf("before it takes over: %+v", got)
		}
		e.pass(week)
		if got := look(); got.KeyID != next.ID || got.Next != nil {
			t.Errorf("after it took over: %+v", got)
		}
	})
}

func TestAnEnvelopeForTheOldWalletKeyIsOpenedAndAnsweredWithIt(t *testing.T) {
	each(t, func(t *testing.T, database string) {
		e := beginEra(t, database)
		identity := e.identity(t, merchant.Wallet, "wallet_demo")
		secret, err := wallet.ParseKey(identity.Secrets[merchant.MerchantSecretKey])
		if err != nil {
			t.Fatal(err)
		}
		old := identity.Public[merchant.PlatformPublicKey]
		next := e.rotate(t, merchant.Wallet)[0].PublicPEM
		ask := func(platform string) int {
			t.Helper()
			peer, err := wallet.ParseKey(platform)
			if err != nil {
				t.Fatal(err)
			}
			keys := wallet.Keys{Secret: secret, Peer: peer}
			nonce, err := wallet.NewNonce(rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			envelope, err := wallet.Seal(bytes.Repeat([]byte("x"), wallet.PlaceholderSize), nonce, keys)
			if err != nil {
				t.Fatal(err)
			}
			text, err := wallet.Marshal(envelope)
			if err != nil {
				t.Fatal(err)
			}
			status := 0
			for replica := range e.services {
				answer := e.do(replica, "GET", "/wallet/wallet_demo", string(text), "X-API-KEY", "sk_test_ibbTe5jLGCi5rzfH4OqPW9KC")
				status = answer.Code
				value, err := exactjson.Decode(answer.Body.Bytes(), exactjson.Limits{})
				if err != nil {
					t.Fatal(err)
				}
				if sealed, err := wallet.ReadEnvelope(value); err == nil {
					if _, err := wallet.Open(sealed, keys); err != nil {
						t.Errorf("replica %d answers with another key: %v", replica, err)
					}
				} else if status == http.StatusOK {
					t.Errorf("replica %d answers a sealed request plainly: %s", replica, answer.Body)
				}
			}
			return status
		}
		e.pass(merchant.PublishAfter)
		shown := func(want string) {
			t.Helper()
			if got := e.identity(t, merchant.Wallet, "wallet_demo").Public[merchant.PlatformPublicKey]; got != want || !strings.Contains(e.demoFile(t, "demo.json"), want) {
				t.Errorf("the identity and demo.json tell of %s, not %s", got, want)
			}
		}
		both := func() {
			t.Helper()
			if o, n := ask(old), ask(next); o != http.StatusOK || n != http.StatusOK {
				t.Errorf("the old key is answered %d, the new one %d", o, n)
			}
		}
		both()
		shown(old)
		e.pass(week)
		both()
		shown(next)
		e.retire(t, merchant.Wallet)
		if o, n := ask(old), ask(next); o != http.StatusUnauthorized || n != http.StatusOK {
			t.Errorf("after its end the old key is answered %d, the new one %d", o, n)
		}
	})
}

func TestKeysAreReplacedOneAtATimeAndNeverLeaveNobodyToSign(t *testing.T) {
	each(t, func(t *testing.T, database string) {
		e := beginEra(t, database)
		s := e.services[0]
		rotate := func(purpose string, retire time.Duration) ([]merchant.PlatformKey, error) {
			return RotatePlatformKeys(t.Context(), s.Store, byRoot, Rotation{Purpose: purpose, ActivateAfter: week, RetireAfter: retire}, s.now())
		}
		old := e.pingppKey(t)
		made, err := rotate(merchant.PingPP, week)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := rotate(merchant.PingPP, 0); refund.KindOf(err) != refund.KindStateConflict || !strings.Contains(fmt.Sprint(err), "hint") {
			t.Errorf("a second successor: %v", err)
		}
		if err := s.Store.RetirePlatformKeys(t.Context(), []string{old.ID}, s.now(), storetest.Record("").Record); refund.KindOf(err) != refund.KindStateConflict {
			t.Errorf("the one in use: %v", err)
		}
		if _, err := RetireReplacedKeys(t.Context(), s.Store, byRoot, merchant.PingPP, "", s.now()); refund.KindOf(err) != refund.KindStateConflict {
			t.Errorf("nothing was replaced yet: %v", err)
		}
		if err := s.Store.RetirePlatformKeys(t.Context(), []string{"pk_none"}, s.now(), storetest.Record("").Record); refund.KindOf(err) != refund.KindNotFound {
			t.Errorf("an unknown key: %v", err)
		}
		// The successor is taken back: the old one's end is, too.
		if err := s.Store.RetirePlatformKeys(t.Context(), []string{made[len(made)-1].ID}, s.now(), storetest.Record("").Record); err != nil {
			t.Fatal(err)
		}
		e.pass(4 * week)
		if key := e.pingppKey(t); key.ID != old.ID {
			t.Errorf("%s signs", key.ID)
		}
	})
}

func TestOldKeysEndOfThemselvesWhereThatWasSaid(t *testing.T) {
	each(t, func(t *testing.T, database string) {
		e := beginEra(t, database)
		s := e.services[0]
		if _, err := RotatePlatformKeys(t.Context(), s.Store, byRoot, Rotation{Purpose: merchant.WeChatPay, ActivateAfter: week, RetireAfter: week}, s.now()); err != nil {
			t.Fatal(err)
		}
		old := e.identity(t, merchant.WeChatPay, "1900009191").Public[merchant.PlatformSerial]
		e.pass(2*week - time.Minute)
		e.answeredBy(t, old, old)
		e.pass(2 * time.Minute)
		if answer, _ := e.wechat(t, 0, "/v3/certificates", old); answer.Code != http.StatusBadRequest {
			t.Errorf("after its end: %d", answer.Code)
		}
		e.answeredBy(t, "", e.identity(t, merchant.WeChatPay, "1900009191").Public[merchant.PlatformSerial])
	})
}
