package wechatpay_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/service"
)

// An abnormal refund is sent elsewhere once for an Idempotency-Key, though its
// card is encrypted anew each time; a key of something else says so.
func TestAnAbnormalRefundIsReroutedOnceForItsKey(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, direct)
	made := decoded(t, c.post(t, refundPath, refundBody("R1", 52, ""), 200, "Prefer", "wait=5", "Idempotency-Key", "refund"))
	path := refundPath + "/" + fmt.Sprint(made["refund_id"]) + "/apply-abnormal-refund"
	ask := func(key, member string, status int) string {
		t.Helper()
		return c.post(t, path, `{"out_refund_no":"R1",`+c.encrypted(t, cardNumber, holder)+member+`}`, status, "Idempotency-Key", key)
	}
	// What is refused uses up no key.
	c.post(t, path, `{"out_refund_no":"R9",`+c.encrypted(t, cardNumber, holder)+`}`, 404, "Idempotency-Key", "card")
	first := ask("card", "", 200)
	s.Unchanged(t, func() {
		if again := ask("card", "", 200); again != first {
			t.Errorf("answered\n%s\nfirst\n%s", again, first)
		}
		for _, answer := range []string{
			ask("card", `,"more":1`, 400), ask("refund", "", 400),
			c.post(t, refundPath, refundBody("R2", 10, ""), 400, "Idempotency-Key", "card"),
		} {
			if got := decoded(t, answer); got["code"] != "INVALID_REQUEST" || got["message"] != "Idempotency-Key 已被另一个请求使用" {
				t.Error(answer)
			}
		}
	})
	if kept, known, err := s.Store.KeptWrite(t.Context(), merchant.DemoID, "card"); err != nil || !known || kept.Made == "" {
		t.Errorf("%+v, %v, %v", kept, known, err)
	}
}

// A rerouting that the channel refuses was claimed before it was called; its
// key is free again.
func TestAReroutingThatIsRefusedUsesUpNoKey(t *testing.T) {
	began, file := time.Now(), filepath.Join(t.TempDir(), "refused.db")
	s := dialecttest.Start(t, func(o *service.Options) {
		o.Database, o.Now = "sqlite:"+file, func() time.Time { return began } // so that nobody asks meanwhile
	})
	c := demo(t, s, direct)
	made := decoded(t, c.post(t, refundPath, refundBody("R1", 52, ""), 200, "Prefer", "wait=5"))
	path := refundPath + "/" + fmt.Sprint(made["refund_id"]) + "/apply-abnormal-refund"
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), `UPDATE sandbox_refunds SET state = 'failed' WHERE state = 'abnormal'`); err != nil {
		t.Fatal(err)
	}
	answer := c.post(t, path, `{"out_refund_no":"R1","type":"MERCHANT_BANK_CARD"}`, 400, "Idempotency-Key", "late")
	if got := decoded(t, answer); got["code"] != "INVALID_REQUEST" {
		t.Error(answer)
	}
	if _, known, err := s.Store.KeptWrite(t.Context(), merchant.DemoID, "late"); known || err != nil {
		t.Errorf("the key is used up: %v", err)
	}
}
