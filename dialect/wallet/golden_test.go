package wallet_test

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/openapi/openapitest"
)

// varying is what differs from run to run in this dialect.
var varying = []dialecttest.Rule{
	{Match: regexp.MustCompile(`\bch_[0-9A-Za-z]{24}\b`), Name: "charge", Not: []string{"ch_000000000000000000000000"}},
	{Match: regexp.MustCompile(`\bre_[0-9A-Za-z]{24}\b`), Name: "refund", Not: []string{"re_000000000000000000000000"}},
	{Match: regexp.MustCompile(`\b[0-9A-Za-z]{24}\b`), Name: "number sent upstream"},
	{Match: regexp.MustCompile(`\b\d{28}\b`), Name: "channel number"},
	{Match: regexp.MustCompile(`\b\d{10}\b`), Name: "time", Unnumbered: true},
	{Match: regexp.MustCompile(`\b20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\b`), Name: "date and time", Unnumbered: true},
}

// contract is openapi/wallet.yaml.
type contract struct{ *openapitest.Contract }

func readContract(t testing.TB) contract {
	t.Helper()
	text, err := os.ReadFile("../../openapi/wallet.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return contract{openapitest.Load(t, text)}
}

// check holds an answer against the contract, whose servers are / and /api/v1.
func (c contract) check(t testing.TB, r *http.Request, body string, response *http.Response, answer string) {
	r = r.Clone(t.Context())
	r.URL.Path = strings.TrimPrefix(r.URL.Path, "/api/v1")
	c.Check(t, r, body, response.StatusCode, response.Header, answer)
}

// The published page's example, with nothing but the host changed, and what
// its sibling pages make of it.
func TestPublishedExample(t *testing.T) {
	key := []string{"X-API-KEY", demoKey}
	wallet := "/wallet/" + demoWallet
	dialecttest.Transcript{
		Name: "published", URL: dialecttest.Start(t).URL, Rules: varying, Check: readContract(t).check,
		Headers: []string{"Content-Type", "Cache-Control"},
		Steps: []dialecttest.Step{
			{Title: "The charge before", Method: "GET", Path: wallet + "/obj/" + demoCharge, Header: key},
			{
				Title: "Refund the charge", Method: "POST", Path: wallet + "/refund", Header: key,
				Body: `{"charges_id":"` + demoCharge + `","client_ip":"127.0.0.1","amount":100}`, Keep: map[string]string{"refund": "id"},
			},
			{
				Title: "Once more: nothing is left", Method: "POST", Path: wallet + "/refund", Header: key,
				Body: `{"charges_id":"` + demoCharge + `","client_ip":"127.0.0.1","amount":100}`,
			},
			{Title: "The refund by its id", Method: "GET", Path: wallet + "/obj/{refund}", Header: key},
			{Title: "The refunds of the charge", Method: "GET", Path: wallet + "/charges/" + demoCharge + "/refunds?page=1&count=10", Header: key},
			{Title: "The charge after", Method: "GET", Path: wallet + "/obj/" + demoCharge, Header: key},
			{Title: "Charges that were refunded in full", Method: "GET", Path: wallet + "/charges/list?page=1&count=10&status=refund", Header: key},
			{Title: "The wallet", Method: "GET", Path: wallet + "/obj/" + demoWallet, Header: key},
		},
	}.Run(t)
}

// What a refund may become, numbers and keys, and the older generation.
func TestConversation(t *testing.T) {
	key := []string{"X-API-KEY", demoKey, "Content-Type", "application/json"}
	with := func(more ...string) []string { return append(append([]string{}, key...), more...) }
	refunds := "/wallet/" + demoWallet + "/refund"
	known := readContract(t)
	dialecttest.Transcript{
		Name: "conversation", URL: dialecttest.Start(t).URL, Rules: varying, Check: known.check, Headers: []string{"Allow"},
		Steps: []dialecttest.Step{
			{
				Title: "A charge is created, which the sandbox pays at once", Method: "POST", Path: "/wallet/" + demoWallet + "/charges", Header: key,
				Body: `{"channel":"wechat_qrcode","order_no":"W20261124","client_ip":"2001:db8::1","amount":5000,"currency":"chy","subject":"苹果",` +
					`"body":"一箱苹果","time_expire":"30m","description":"秋天","extra":{"color":"红"}}`,
				Keep: map[string]string{"charge": "id"},
			},
			{
				Title: "The same order_no again", Method: "POST", Path: "/wallet/" + demoWallet + "/charges", Header: key,
				Body: `{"channel":"other","order_no":"W20261124","client_ip":"::1","amount":1,"currency":"usd","subject":"s"}`,
			},
			{
				Title: "A refund with the merchant's own number", Method: "POST", Path: "/api/v1" + refunds, Header: key, Keep: map[string]string{"first": "id"},
				Body: `{"charges_id":"{charge}","client_ip":"::ffff:192.0.2.1","amount":100,"description":"<苹果> & 梨","extra":{"refund_order":"R-1","more":[1]},"unknown":true}`,
			},
			{
				Title: "The same number and content again", Method: "POST", Path: refunds, Header: key,
				Body: `{"charges_id":"{charge}","client_ip":"127.0.0.1","amount":100,"description":"another","extra":{"refund_order":"R-1"}}`,
			},
			{
				Title: "The same number with another amount", Method: "POST", Path: refunds, Header: key,
				Body: `{"charges_id":"{charge}","client_ip":"127.0.0.1","amount":101,"extra":{"refund_order":"R-1"}}`,
			},
			{
				Title: "A refund with an idempotency key", Method: "POST", Path: refunds, Header: with("Idempotency-Key", "key-1"),
				Body: `{"charges_id":"{charge}","client_ip":"127.0.0.1","amount":200,"description":null,"extra":null}`,
			},
			{
				Title: "The same key with another amount", Method: "POST", Path: refunds, Header: with("Idempotency-Key", "key-1"),
				Body: `{"charges_id":"{charge}","client_ip":"127.0.0.1","amount":201}`,
			},
			{Title: "Refused by the channel is still a 200", Method: "POST", Path: refunds, Header: key, Body: `{"charges_id":"{charge}","client_ip":"127.0.0.1","amount":151}`},
			{
				Title: "The payer's account can't take the money", Method: "POST", Path: refunds, Header: with("Prefer", "wait=1"),
				Body: `{"charges_id":"{charge}","client_ip":"127.0.0.1","amount":152}`,
			},
			{
				Title: "The channel takes its time", Method: "POST", Path: refunds, Header: with("Prefer", "wait=1"),
				Body: `{"charges_id":"{charge}","client_ip":"127.0.0.1","amount":158}`,
			},
			{Title: "More than is left", Method: "POST", Path: refunds, Header: key, Body: `{"charges_id":"{charge}","client_ip":"127.0.0.1","amount":5000}`},
			{Title: "The first page of two refunds", Method: "GET", Path: "/wallet/" + demoWallet + "/charges/{charge}/refunds?page=1&count=2", Header: key},
			{Title: "The third page, with one", Method: "GET", Path: "/wallet/" + demoWallet + "/charges/{charge}/refunds?page=3&count=2", Header: key},
			{Title: "What was created before 2001", Method: "GET", Path: "/wallet/" + demoWallet + "/charges/list?page=1&count=2&end_time=978307200", Header: key},
			{Title: "Two charges that are not refunded in full", Method: "GET", Path: "/wallet/" + demoWallet + "/charges/list?page=1&count=2&status=succeeded", Header: key},
			{Title: "Charges that failed, of which there are none", Method: "GET", Path: "/wallet/" + demoWallet + "/charges/list?page=1&count=2&status=failed", Header: key},
			{
				Title: "The older generation", Method: "POST", Path: "/charges/{charge}/refunds", Header: key, Body: `{"amount":300,"description":"旧"}`,
				Keep: map[string]string{"old": "id"},
			},
			{Title: "refused, in the older generation", Method: "POST", Path: "/api/v1/charges/{charge}/refunds", Header: key, Body: `{"amount":251,"description":"旧","client_ip":"192.0.2.7"}`},
			{Title: "one of them", Method: "GET", Path: "/charges/{charge}/refunds/{old}", Header: key},
			{Title: "two of them", Method: "GET", Path: "/charges/{charge}/refunds?page=1&count=2", Header: key},
			{Title: "a page without any", Method: "GET", Path: "/charges/{charge}/refunds?page=9&count=2", Header: key},
			{Title: "A wrong method", Method: "DELETE", Path: refunds, Header: key},
			{Title: "The wallet, in which open refunds hold money", Method: "GET", Path: "/wallet/" + demoWallet, Header: key},
		},
	}.Run(t)
	if unseen := known.Unseen(); len(unseen) > 1 || len(unseen) == 1 && unseen[0] != "getObject" {
		t.Errorf("no success was seen of %v", unseen)
	}
}
