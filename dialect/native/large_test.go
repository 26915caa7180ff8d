package native_test

import (
	"strings"
	"testing"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store/sqldb"
)

// An earlier version took charges of any amount: they are read, refunded and
// added up like others.
func TestChargesOfAnEarlierVersionMayBeOfAnyAmount(t *testing.T) {
	s := dialecttest.Start(t)
	for _, order := range []string{"BIG1", "BIG2"} {
		send(t, s, demo, "POST", "/charges", `{"order_no":"`+order+`","amount":100,"currency":"VND","channel":"wx","paid_at":"2026-11-22T10:00:00Z"}`, 201)
	}
	err := s.Store.DB().Write(t.Context(), func(q sqldb.Querier) error {
		_, err := q.Exec(t.Context(), `UPDATE charges SET amount = 5000000000000000000 WHERE currency = 'VND'`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	send(t, s, demo, "POST", "/refunds", `{"charge":"BIG1","amount":9223372036854775808}`, 422)
	send(t, s, demo, "POST", "/refunds", `{"charge":"BIG1","amount":5000000000000000000}`, 201)
	send(t, s, demo, "POST", "/refunds", `{"charge":"BIG2"}`, 201)
	for _, path := range []string{"/charges/BIG1", "/charges", "/refunds"} {
		if body := send(t, s, demo, "GET", path, "", 200); !strings.Contains(body, "5000000000000000000") {
			t.Errorf("%s: %s", path, body)
		}
	}
	if body := send(t, s, demo, "GET", "/balances", "", 200); !strings.Contains(body, `"currency":"VND","balance":-10000000000000000000`) {
		t.Errorf("balances: %s", body)
	}
	if findings, err := service.Verify(t.Context(), s.Store); err != nil || len(findings) > 0 {
		t.Errorf("%v, %v", findings, err)
	}
}
