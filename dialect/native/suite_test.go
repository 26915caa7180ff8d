package native_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
)

const base = "/refundry/v1"

// The suite that every dialect must pass. The native API knows a charge by any
// dialect's name; the suite gives it Ping++'s.
func TestSuite(t *testing.T) {
	dialecttest.Run(t, dialecttest.Speaker{
		Dialect: merchant.Native,
		Refund: func(t testing.TB, url, key string, charge refund.Alias, amount *money.Minor, number string) *http.Request {
			body := fmt.Sprintf(`{"charge": %q, "reason": "suite"`, charge.Name)
			if amount != nil {
				body += fmt.Sprintf(`, "amount": %d`, *amount)
			}
			if number != "" {
				body += fmt.Sprintf(`, "number": %q`, number)
			}
			return dialecttest.Request(t, "POST", url+base+"/refunds", body+"}", "Authorization", "Bearer "+key, "Prefer", "wait=5")
		},
		RefundID: func(status int, body string) (string, bool) {
			id := text(body, "id")
			return id, (status == http.StatusCreated || status == http.StatusOK) && strings.HasPrefix(id, "re_")
		},
		Bad: func(t testing.TB, url, key string, charge refund.Alias) map[string]*http.Request {
			bad := make(map[string]*http.Request)
			for _, one := range badRefunds(charge.Name) {
				bad[one.name] = dialecttest.Request(t, "POST", url+base+"/refunds", one.body, append(one.header, "Authorization", "Bearer "+key)...)
			}
			return bad
		},
	})
}

// text is a member of a JSON object, "" if there is none.
func text(body, name string) string {
	v, err := exactjson.Decode([]byte(body), exactjson.Limits{})
	if err != nil {
		return ""
	}
	value, _ := v.Get(name)
	return value.Text
}
