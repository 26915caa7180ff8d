package payin_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/service"
)

// The contract's signature vectors, as a client sends them at their time.
func TestTheContractsVectorsAreTaken(t *testing.T) {
	began := time.Now()
	s := dialecttest.Start(t, func(o *service.Options) {
		o.Now = func() time.Time { return time.Unix(1690344393, 0).Add(time.Since(began)) }
	})
	for _, vector := range []struct{ name, method, path, signature, body string }{
		{
			"order.refund", "POST", "/api_v1/orders/M948164T2023072607034709567189/refunds", "pilnxSB1bEcLpCHooAkEYby8xm/IrhCtxOi+0IaFUiQ=",
			`{"amount":"7","reason":"r"}`,
		},
		{"refund.detail", "GET", "/refunds/M948164T2023072607034709567189_R1", "W3RcZ3VryEySORdLF10293a802QCdUYueviAftcjWFk=", ""},
	} {
		response, body := dialecttest.Do(t, dialecttest.Request(t, vector.method, s.URL+vector.path, vector.body,
			"x-auth-signature", vector.signature, "x-auth-key", "AK000000000000000000000000000001", "x-auth-timestamp", "1690344393",
			"x-auth-sign-method", "HmacSHA256", "x-auth-sign-version", "1"))
		if response.StatusCode != http.StatusOK {
			t.Errorf("%s answered %d %s", vector.name, response.StatusCode, body)
		}
		has(t, body, map[string]string{"id": `"M948164T2023072607034709567189_R1"`, "amount": "7"})
	}
}
