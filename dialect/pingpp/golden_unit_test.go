package pingpp_test

import (
	"regexp"
	"testing"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
)

// orderNumbers are made up for charges that a test registers.
var orderNumbers = dialecttest.Rule{Match: regexp.MustCompile(`\bT[0-9A-Za-z]{24}\b`), Name: "order number"}

// The calls besides the plain refund: reversing, batches and orders.
func TestReversalBatchAndOrder(t *testing.T) {
	s := dialecttest.Start(t)
	scan := s.Charge(t, merchant.DemoID, 100, scanned)
	first, second := s.Charge(t, merchant.DemoID, 1000, nil), s.Charge(t, merchant.DemoID, 2000, nil)
	// One charge alone: refunds of one moment are listed in any order.
	s.Charge(t, merchant.DemoID, 500, ofOrder(order))
	php := []string{"Authorization", "Bearer " + demoKey, "Content-Type", jsonType}
	english := append(php[:len(php):len(php)], "Accept-Language", "en")
	batch := `{"app":"` + demoApp + `","batch_no":"20261124ABC","description":"Your Description","charges":[`
	rules := append([]dialecttest.Rule{orderNumbers}, varying...)
	dialecttest.Transcript{
		Name: "units", URL: s.URL, Rules: rules, Check: readContract(t).check,
		Steps: []dialecttest.Step{
			{Title: "A paid charge of a scanned code is reversed", Method: "POST", Path: "/v1/charges/" + scan.ID + "/reverse", Header: php, Body: `[]`},
			{Title: "another channel's is not", Method: "POST", Path: "/v1/charges/" + first.ID + "/reverse", Header: english, Body: `{}`},
			{
				Title: "A batch: a charge's id, as PHP's sample has it, and an object; 151 is refused by the sandbox", Method: "POST", Path: "/v1/batch_refunds", Header: php,
				Body: batch + `"` + first.ID + `",{"charge":"` + second.ID + `","amount":151,"funding_source":"recharge_funds"}]}`,
				Keep: map[string]string{"batch": "id"},
			},
			{Title: "the same batch in English", Method: "GET", Path: "/v1/batch_refunds/{batch}", Header: english},
			{Title: "its batch_no for something else", Method: "POST", Path: "/v1/batch_refunds", Header: english, Body: batch + `"` + first.ID + `"]}`},
			{Title: "The batches", Method: "GET", Path: "/v1/batch_refunds?page=1&per_page=1", Header: php},
			{
				Title: "Everything of an order", Method: "POST", Path: "/v1/orders/" + order + "/order_refunds", Header: php, Body: `{"description":"Your Description","refund_mode":"to_source"}`,
				Keep: map[string]string{"refund": "data.0.id", "charge": "data.0.charge"},
			},
			{Title: "One of its refunds", Method: "GET", Path: "/v1/orders/" + order + "/order_refunds/{refund}", Header: php},
			{Title: "Its refunds", Method: "GET", Path: "/v1/orders/" + order + "/order_refunds?per_page=1", Header: php},
			{Title: "One of its charges", Method: "GET", Path: "/v1/orders/" + order + "/charges/{charge}", Header: php},
			{Title: "Its charges", Method: "GET", Path: "/v1/orders/" + order + "/charges?limit=1", Header: php},
			{Title: "once more there is nothing left", Method: "POST", Path: "/v1/orders/" + order + "/order_refunds", Header: english, Body: `{"description":"Your Description"}`},
		},
	}.Run(t)
}
