package wechatpay_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/dialect/wechatpay"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// suite is how dialecttest speaks this dialect. The protocol has no "everything
// that is left": the amounts asked for are summed up instead.
type suite struct {
	mu     sync.Mutex
	asked  map[string]money.Minor // by order
	number int
}

const suiteTotal = 100

func (s *suite) refund(t testing.TB, base, key string, charge refund.Alias, amount *money.Minor, number string) *http.Request {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if amount == nil {
		rest := suiteTotal - s.asked[charge.Name]
		amount = &rest
	}
	s.asked[charge.Name] += *amount
	if number == "" {
		s.number++
		number = fmt.Sprintf("suite-%d", s.number)
	}
	body := fmt.Sprintf(`{"out_trade_no":%q,"out_refund_no":%q,"amount":{"refund":%d,"total":%d,"currency":"CNY"}}`, charge.Name, number, *amount, suiteTotal)
	return suiteClient(t, base, key).request(t, http.MethodPost, refundPath, body, "Prefer", "wait=5")
}

// suiteClient makes a client of an identity as JSON; any other text is an
// unknown one, which signs with a key of its own.
func suiteClient(t testing.TB, base, key string) client {
	t.Helper()
	var identity merchant.Identity
	if json.Unmarshal([]byte(key), &identity) != nil {
		fresh, err := merchant.NewFresh("stranger", merchant.Test, merchant.Dialects{wechatpay.Describe()}, nil, clock())
		if err != nil {
			t.Fatal(err)
		}
		identity, _ = fresh.Identity(merchant.WeChatPay)
	}
	return clientOf(t, base, identity)
}

// What every dialect must pass.
func TestSuite(t *testing.T) {
	s := &suite{asked: map[string]money.Minor{}}
	dialecttest.Run(t, dialecttest.Speaker{
		Dialect: merchant.WeChatPay, Refund: s.refund,
		Credentials: func(f merchant.Fresh) string {
			identity, _ := f.Identity(merchant.WeChatPay)
			text, err := json.Marshal(identity)
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		},
		Read: func(t testing.TB, base, key string, charge refund.Alias) *http.Request {
			c := suiteClient(t, base, key)
			return c.request(t, http.MethodGet, "/v3/pay/transactions/out-trade-no/"+charge.Name+"?mchid="+c.mchID, "")
		},
		RefundID: func(status int, body string) (string, bool) {
			var answer struct {
				ID string `json:"refund_id"`
			}
			err := json.Unmarshal([]byte(body), &answer)
			return answer.ID, err == nil && status == http.StatusOK && answer.ID != ""
		},
		Bad: func(t testing.TB, base, key string, charge refund.Alias) map[string]*http.Request {
			c := suiteClient(t, base, key)
			good := fmt.Sprintf(`"out_trade_no":%q,"out_refund_no":"bad"`, charge.Name)
			out := map[string]*http.Request{}
			for name, body := range map[string]string{
				"no amount": `{` + good + `}`, "an amount of 0": `{` + good + `,"amount":{"refund":0,"total":100,"currency":"CNY"}}`,
				"a fraction":     `{` + good + `,"amount":{"refund":1.5,"total":100,"currency":"CNY"}}`,
				"a text":         `{` + good + `,"amount":{"refund":"1","total":100,"currency":"CNY"}}`,
				"an overflow":    `{` + good + `,"amount":{"refund":9223372036854775808,"total":100,"currency":"CNY"}}`,
				"another total":  `{` + good + `,"amount":{"refund":1,"total":99,"currency":"CNY"}}`,
				"a name twice":   `{` + good + `,"amount":{"refund":1,"refund":2,"total":100,"currency":"CNY"}}`,
				"broken UTF-8":   "{" + good + ",\"reason\":\"\xff\"}",
				"U+0000":         `{` + good + `,"reason":"\u0000"}`,
				"no JSON":        `{` + good,
				"too large":      `{` + good + `,"reason":"` + strings.Repeat("x", 2<<20) + `"}`,
				"no out_refund":  fmt.Sprintf(`{"out_trade_no":%q,"amount":{"refund":1,"total":100,"currency":"CNY"}}`, charge.Name),
				"other currency": `{` + good + `,"amount":{"refund":1,"total":100,"currency":"USD"}}`,
			} {
				out[name] = c.request(t, http.MethodPost, refundPath, body)
			}
			return out
		},
		CallerHeaders: []string{"Authorization", "Wechatpay-Serial"},
		Routes:        dialecttest.Routes(wechatpay.Routes), Writes: writes,
		Unknown: func(status int, body string) bool {
			return status == http.StatusInternalServerError && strings.HasPrefix(body, `{"code":"SYSTEM_ERROR",`) && strings.Contains(body, "查询或重试")
		},
	})
}

// writes are the calls that write, for the suite.
var writes = map[string]dialecttest.Write{
	"POST /v3/refund/domestic/refunds": func(t *testing.T, s *dialecttest.Service) func(string) *http.Request {
		return func(base string) *http.Request {
			c := demo(t, s, direct)
			c.url = base
			return c.request(t, http.MethodPost, refundPath, refundBody("LOST1", 10, ""))
		}
	},
	"POST /v3/refund/domestic/refunds/{refund_id}/apply-abnormal-refund": func(t *testing.T, s *dialecttest.Service) func(string) *http.Request {
		c := demo(t, s, direct)
		made := decoded(t, c.post(t, refundPath, refundBody("LOST2", 52, ""), http.StatusOK, "Prefer", "wait=5"))
		path := refundPath + "/" + fmt.Sprint(made["refund_id"]) + "/apply-abnormal-refund"
		return func(base string) *http.Request {
			c.url = base
			return c.request(t, http.MethodPost, path, `{"out_refund_no":"LOST2",`+c.encrypted(t, cardNumber, holder)+`}`)
		}
	},
}
