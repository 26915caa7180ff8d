package wechatpay_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/storetest"
)

// ecCertificate is a good certificate of a kind of key that the platform does
// not know.
func ecCertificate(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// An account whose certificate can't be used stops nothing: the events have
// their numbers, the deliveries say what is wrong, and are made and sent when
// the certificate is mended.
func TestAnAccountWithAnUnusableCertificateIsToldWhenItIsMended(t *testing.T) {
	s := dialecttest.Start(t, onLoopback)
	url, hooks := receiver(t)
	onRecord(t, s, url+"/all", "")
	c := demo(t, s, direct)
	_, identity, err := s.Store.Identity(t.Context(), merchant.WeChatPay, direct)
	if err != nil {
		t.Fatal(err)
	}
	set := func(certificate string) {
		_, err := s.Store.ChangeIdentity(t.Context(), merchant.DemoID, merchant.WeChatPay, direct, storetest.Record(merchant.DemoID), func(i merchant.Identity, record audit.Record) (merchant.Identity, audit.Record, error) {
			i.Public = maps.Clone(i.Public)
			i.Public[merchant.MerchantCertPEM] = certificate
			return i, record, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	set(ecCertificate(t))
	r := dialecttest.Request(t, "POST", s.URL+"/refundry/v1/refunds", `{"charge":"`+demoOrder+`","amount":10}`, "Authorization", "Bearer rk_test_demo")
	if answer, text := dialecttest.Do(t, r); answer.StatusCode != 201 {
		t.Fatal(text)
	}
	var kept merchant.DeliveryRecord
	for deadline := time.Now().Add(awaitTime); kept.Delivery.ID == ""; {
		records, _, err := s.Store.DeliveryList(t.Context(), merchant.DeliveryFilter{MerchantID: merchant.DemoID}, refund.Page{Limit: 10})
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("no delivery: %v", err)
		}
		if len(records) > 0 {
			kept = records[0]
		}
		<-time.After(10 * time.Millisecond)
	}
	if kept.State != merchant.DeliveryWaiting || !strings.Contains(kept.Delivery.Problem, "certificate") {
		t.Errorf("the delivery stands as %+v", kept)
	}
	if feed, err := s.Store.Feed(t.Context(), merchant.DemoID, 0, 10); err != nil || len(feed) == 0 {
		t.Errorf("the feed has %+v, %v", feed, err)
	}
	set(identity.Public[merchant.MerchantCertPEM])
	if _, notice := c.open(t, next(t, hooks)); notice.RefundStatus != "SUCCESS" || notice.MchID != direct {
		t.Errorf("told %+v", notice)
	}
}
