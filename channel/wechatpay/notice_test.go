package wechatpay_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

func TestANoticeSaysWhatBecameOfARefund(t *testing.T) {
	for _, of := range []struct{ mchID, sub string }{{mchID, ""}, {spMchID, subMchID}} {
		for status, want := range map[string]refund.OutcomeKind{"SUCCESS": refund.OutcomeDone, "CLOSED": refund.OutcomeFailed, "ABNORMAL": refund.OutcomeAbnormal} {
			for _, byCertificate := range []bool{false, true} {
				f := newFake(t, of.mchID, of.sub)
				n := f.notice("R1", status)
				if byCertificate {
					n.signer = f.certificate
				}
				notices, reply, err := newDriver().Receive(f.account(nil), n.request(t))
				if err != nil || len(notices) != 1 {
					t.Fatalf("%s %s: %v", of.mchID, status, err)
				}
				got := notices[0]
				if got.Number != "R1" || got.TransactionID != transactionID || got.OrderNo != orderNo || got.Currency != "CNY" || got.Hint || got.Outcome.Kind != want ||
					*got.Outcome.Amount != 100 || got.Outcome.ChannelRefundID != "50000000382019052709732678859" || got.Outcome.Landed.Account != "招商银行信用卡0403" {
					t.Errorf("%s: %+v", status, got)
				}
				if at := got.Outcome.SucceededAt; want == refund.OutcomeDone && !at.Equal(time.Date(2026, 11, 29, 1, 0, 0, 0, time.UTC)) {
					t.Errorf("succeeded at %v", at)
				}
				if a := reply(nil); a.Status != http.StatusNoContent || len(a.Body) != 0 {
					t.Errorf("kept, it is answered %+v", a)
				}
				if a := reply(io.ErrUnexpectedEOF); a.Status != http.StatusInternalServerError || string(a.Body) != `{"code":"FAIL","message":"失败"}` || a.ContentType != "application/json" {
					t.Errorf("not kept, it is answered %+v", a)
				}
			}
		}
	}
}

func TestWhatIsNoNoticeOfTheAccountsIsRefused(t *testing.T) {
	f := newFake(t, spMchID, subMchID)
	change := func(change func(*notice)) func(testing.TB) *http.Request {
		return func(t testing.TB) *http.Request {
			n := f.notice("R1", "SUCCESS")
			change(&n)
			return n.request(t)
		}
	}
	amount := func(n *notice) map[string]any { return n.content["amount"].(map[string]any) }
	for name, request := range map[string]func(testing.TB) *http.Request{
		"a signature that is wrong on purpose": change(func(n *notice) { n.badSigning = true }),
		"another's key under our key's name":   change(func(n *notice) { n.signer.key = keysOnce().other }),
		"a key that is not known":              change(func(n *notice) { n.signer.name = "AB" }),
		"the merchant's own key":               change(func(n *notice) { n.signer = keyed{merchantSerial, keysOnce().merchant} }),
		"an old timestamp":                     change(func(n *notice) { n.stamp = n.stamp.Add(-301 * time.Second) }),
		"a timestamp that lies ahead":          change(func(n *notice) { n.stamp = n.stamp.Add(310 * time.Second) }),
		"another APIv3 key":                    change(func(n *notice) { n.apiV3Key = strings.Repeat("f", 32) }),
		"another service provider's":           change(func(n *notice) { n.content["sp_mchid"] = "1900000101" }),
		"another sub-merchant's":               change(func(n *notice) { n.content["sub_mchid"] = "1900000777" }),
		"no sub-merchant's":                    change(func(n *notice) { delete(n.content, "sub_mchid") }),
		"a direct merchant's": change(func(n *notice) {
			n.content["mchid"] = spMchID
			delete(n.content, "sp_mchid")
			delete(n.content, "sub_mchid")
		}),
		"an event that contradicts what is sealed": change(func(n *notice) { n.event = "REFUND.CLOSED" }),
		"an event that there is not":               change(func(n *notice) { n.event, n.content["refund_status"] = "REFUND.PROCESSING", "PROCESSING" }),
		"no refund's number":                       change(func(n *notice) { delete(n.content, "out_refund_no") }),
		"more than was paid":                       change(func(n *notice) { amount(n)["refund"] = 1001 }),
		"an amount of 0":                           change(func(n *notice) { amount(n)["refund"] = 0 }),
		"a negative amount":                        change(func(n *notice) { amount(n)["refund"] = -100 }),
		"an amount with a point":                   change(func(n *notice) { amount(n)["refund"] = 1.5 }),
		"an amount in quotes":                      change(func(n *notice) { amount(n)["refund"] = "100" }),
		"more of the payer's than the whole":       change(func(n *notice) { amount(n)["payer_refund"] = 101 }),
		"no amount":                                change(func(n *notice) { delete(n.content, "amount") }),
		"a sealed text that nests without end":     change(func(n *notice) { n.content["x"] = nested(100) }),
		"a body of 2 MB":                           change(func(n *notice) { n.content["x"] = strings.Repeat("x", 2<<20) }),
		"a body that is compressed": func(t testing.TB) *http.Request {
			r := f.notice("R1", "SUCCESS").request(t)
			var packed bytes.Buffer
			w := gzip.NewWriter(&packed)
			if _, err := io.Copy(w, io.LimitReader(zeros{}, 64<<20)); err != nil {
				t.Fatal(err)
			}
			_ = w.Close()
			r.Header.Set("Content-Encoding", "gzip")
			r.Body = io.NopCloser(&packed)
			return r
		},
		"a header twice": func(t testing.TB) *http.Request {
			r := f.notice("R1", "SUCCESS").request(t)
			r.Header.Add("Wechatpay-Serial", publicKeyID)
			return r
		},
	} {
		t.Run(name, func(t *testing.T) {
			notices, reply, err := newDriver().Receive(f.account(nil), request(t))
			if err == nil {
				t.Fatalf("taken: %+v", notices)
			}
			if name == "a body of 2 MB" && !strings.Contains(err.Error(), "more than") {
				t.Errorf("read to its end: %v", err)
			}
			if a := reply(err); a.Status != http.StatusBadRequest || string(a.Body) != `{"code":"FAIL","message":"失败"}` {
				t.Errorf("answered %d %s", a.Status, a.Body)
			}
		})
	}
	t.Run("a partner's notice at a direct merchant's account", func(t *testing.T) {
		own := newFake(t, spMchID, "")
		if notices, _, err := newDriver().Receive(own.account(nil), f.notice("R1", "SUCCESS").request(t)); err == nil {
			t.Errorf("taken: %+v", notices)
		}
	})
	t.Run("any sub-merchant's where the account has none", func(t *testing.T) {
		n := f.notice("R1", "SUCCESS")
		n.content["sub_mchid"] = "1900000777"
		if _, _, err := newDriver().Receive(f.account(map[string]string{"sub_mchid": ""}), n.request(t)); err != nil {
			t.Error(err)
		}
	})
}

// The keys before a rotation are good, each for what it was: the platform's key
// with the newer APIv3 key, too.
func TestNoticesAreReadWithEarlierKeysInAnyPair(t *testing.T) {
	f := newFake(t, mchID, "")
	before, now := f.account(map[string]string{"platform_public_key": "", "platform_public_key_id": ""}), f.account(map[string]string{"platform_certificate": ""})
	now.Secrets["apiv3_key"] = strings.Repeat("f", 32)
	now.Previous = []channel.Credentials{{Settings: before.Settings, Secrets: before.Secrets}}
	for _, signer := range []keyed{f.certificate, f.public} {
		for _, key := range []string{f.apiV3Key, now.Secrets["apiv3_key"]} {
			n := f.notice("R1", "SUCCESS")
			n.signer, n.apiV3Key = signer, key
			if _, _, err := newDriver().Receive(now, n.request(t)); err != nil {
				t.Errorf("%s: %v", signer.name, err)
			}
		}
	}
}

func nested(depth int) any {
	if depth == 0 {
		return 1
	}
	return []any{nested(depth - 1)}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
