package strictclienttest

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// A client that nothing breaks proves nothing: each mistake of a naive server
// is made here by a fake one, and the clients that it breaks must say so,
// while the same answer without it is taken by all.
func TestEachMistakeOfANaiveServerIsCaught(t *testing.T) {
	everyone := Clients()
	tests := []struct {
		name   string
		object string
		status int // default 200
		// old is what stands in the good body and new what the mistake makes of
		// it; without old, new is the whole body.
		old, new string
		breaks   []string // the clients; all others take the answer
	}{
		{"error.code is null", "", 400, `"param":"amount"`, `"code":null`, []string{Go}},
		{"error.param is null", "", 404, `"param":"amount"`, `"param":null`, []string{Go}},
		{"error.param is a number", "", 400, `"param":"amount"`, `"param":1`, []string{Go}},
		{"error.type is no string", "", 400, `"invalid_request_error"`, `1`, everyone},
		{"error.message is null", "", 400, `"m"`, `null`, everyone},
		{"error.message is empty", "", 400, `"m"`, `""`, everyone},
		{"an error type is invented", "", 400, `invalid_request_error`, `refund_error`, []string{Node}},
		{"error is a text", "", 400, "", `{"error":"no"}`, everyone},
		{"error is not there", "", 400, "", `{"message":"no"}`, everyone},
		{"an error is no JSON", "", 404, "", "404 page not found\n", everyone},
		{"an error is empty", "", 401, "", "", everyone},
		{"a refusal comes with 200", "refund", 0, "", goodError, []string{Python, Ruby, Node}},

		{"refund metadata is []", "refund", 0, `"metadata":{}`, `"metadata":[]`, []string{Go, Java, CSharp}},
		{"refund extra is []", "refund", 0, `"extra":{}`, `"extra":[]`, []string{Go, Java, CSharp}},
		{"charge metadata is []", "charge", 0, `"metadata":{},"cred`, `"metadata":[],"cred`, []string{Go, Java, CSharp}},
		{"credential is null", "charge", 0, `"credential":{}`, `"credential":null`, []string{Java}},
		{"app is an object", "charge", 0, `"app":"app_1Gqj58ynP0mHeX1q"`, `"app":{"id":"app_1Gqj58ynP0mHeX1q"}`, []string{Go, Java, CSharp}},
		{"an amount is negative", "refund", 0, `"amount":1`, `"amount":-1`, []string{Go}},
		{"an amount is a text", "refund", 0, `"amount":1`, `"amount":"1"`, []string{Go, Java, CSharp}},
		{"an amount has a fraction", "refund", 0, `"amount":1`, `"amount":1.0`, []string{Go, Java, CSharp}},
		{"an amount has more than 32 bits", "charge", 0, `"amount":100,`, `"amount":2147483648,`, []string{Java, CSharp}},
		{"a time has more than 32 bits", "charge", 0, `"created":1409634160`, `"created":4102444800`, []string{CSharp}},
		{"a time is a text", "batch_refund", 0, `"created":1409634160`, `"created":"1409634160"`, []string{Go, Java, CSharp}},
		{"succeed is null", "refund", 0, `"succeed":true`, `"succeed":null`, []string{CSharp}},
		{"paid is null", "charge", 0, `"paid":true`, `"paid":null`, []string{CSharp}},
		{"refunded is null", "charge", 0, `"refunded":true`, `"refunded":null`, []string{CSharp}},
		{"reversed is null", "charge", 0, `"reversed":false`, `"reversed":null`, []string{CSharp}},
		{"livemode is null", "charge", 0, `"livemode":false`, `"livemode":null`, []string{CSharp}},
		{"livemode is a text", "event", 0, `"livemode":false`, `"livemode":"false"`, []string{Go, Java, CSharp}},
		{"created is null", "refund", 0, `"created":1409634160`, `"created":null`, []string{CSharp}},
		{"a documented member is left out", "refund", 0, `"failure_code":null,`, ``, []string{Python, Ruby}},
		{"funding_source of the newer page is left out", "refund", 0, `"funding_source":null,`, ``, []string{Python, Ruby}},
		{"a charge has no refunds", "charge", 0, `"refunds":` + goodList + `,`, ``, []string{Python, Ruby}},
		{"a charge's refunds are null", "charge", 0, `"refunds":` + goodList, `"refunds":null`, []string{Java, Python, PHP, Ruby}},
		{"a charge's refunds are an array", "charge", 0, `"refunds":` + goodList, `"refunds":[]`, []string{Go, Java, Python, PHP, Ruby, CSharp}},

		{"has_more is null", "list of refund", 0, `"has_more":false`, `"has_more":null`, []string{CSharp}},
		{"has_more is a text", "list of refund", 0, `"has_more":false`, `"has_more":"false"`, []string{Go, Java, Python, PHP, Ruby, CSharp}},
		{"has_more is true on an empty page", "list of refund", 0, `"has_more":false,"data":[` + goodRefund + `]`, `"has_more":true,"data":[]`, []string{Go}},
		{"a list's url is absolute", "list of refund", 0, `"/v1/`, `"http://api/v1/`, []string{Java, Python, Ruby}},
		{"a list's url lacks the version", "list of refund", 0, `"/v1/`, `"/`, []string{Java, Python, PHP, Ruby}},
		{"a list has no url", "list of refund", 0, `"url":"/v1/charges/ch_L8qn10mLmr1GS8e5OODmHaL4/refunds",`, ``, []string{Java, Python, PHP, Ruby}},
		{"a list does not say that it is one", "list of refund", 0, `"object":"list",`, ``, []string{Python, PHP, Ruby}},
		{"a list is a bare array", "list of refund", 0, "", `[` + goodRefund + `]`, everyone},
		{"a list's data is null", "list of refund", 0, `[` + goodRefund + `]`, `null`, []string{Go, Java, Python, PHP, Ruby, CSharp}},
		{"the entries of a batch are texts", "batch_refund", 0, goodBatch[strings.Index(goodBatch, `[{`) : strings.Index(goodBatch, `}]`)+2], `["ch_1"]`, []string{Go, Java, Python, PHP, Ruby, CSharp}},
		{"an event's data is a text", "event", 0, `{"object":` + goodRefund + `}`, `"x"`, []string{Go, Java, Python, PHP, Ruby, CSharp}},
		{"something follows the JSON", "refund", 0, `"extra":{}}`, `"extra":{}}{}`, everyone},
		{"a success is no JSON", "refund", 0, "", "ok", everyone},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			status, body := test.status, good[test.object]
			if status == 0 {
				status = http.StatusOK
			}
			if test.object == "" {
				body = goodError
			}
			switch {
			case test.old == "":
				body = test.new
			case !strings.Contains(body, test.old):
				t.Fatalf("the good body has no %s", test.old)
			default:
				body = strings.Replace(body, test.old, test.new, 1)
			}
			f := always(t, text(status, body, "Connection", "close"))
			for _, name := range everyone {
				c := New(name, f.address, "sk_test_x")
				_, err := c.Get(test.object, c.Path("x"), nil)
				if want := slices.Contains(test.breaks, name); IsBroken(err) != want {
					t.Errorf("%s: %v, should it break: %t", name, err, want)
				}
			}
		})
	}
}

func TestWhatIsRightIsTakenByEveryClient(t *testing.T) {
	for _, name := range Clients() {
		for object, body := range good {
			c := New(name, always(t, text(200, body, "Connection", "close")).address, "sk_test_x")
			got, err := c.Get(object, c.Path("x"), nil)
			if err == nil {
				err = Letter(object, got)
			}
			if err != nil {
				t.Errorf("%s, %s: %v", name, object, err)
			}
		}
		c := New(name, always(t, text(404, goodError, "Connection", "close")).address, "sk_test_x")
		_, err := c.Get("", c.Path("x"), nil)
		if refused, ok := AsError(err); !ok || refused.Status != 404 || refused.Class == "" || refused.Param != "amount" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What the documents don't allow is found even where no client breaks.
func TestTheDocumentsEveryWordIsHeld(t *testing.T) {
	for name, change := range map[string][2]string{
		"a description that is null":     {`"description":"d"`, `"description":null`},
		"an id that is a number":         {`"id":"re_y1u944PmfnrTHyvnL0nD0iD1"`, `"id":1`},
		"an order number left out":       {`"order_no":"y1u944PmfnrTHyvnL0nD0iD1",`, ``},
		"another object than it is":      {`"object":"refund"`, `"object":"charge"`},
		"a time that is a text":          {`"created":1409634160`, `"created":"1409634160"`},
		"metadata that is null":          {`"metadata":{}`, `"metadata":null`},
		"an amount of more than 32 bits": {`"amount":1`, `"amount":2147483648`},
	} {
		body := strings.Replace(goodRefund, change[0], change[1], 1)
		value, err := decodeJSON([]byte(body))
		if err != nil || body == goodRefund {
			t.Fatal(name, err)
		}
		if err := Letter("refund", value.(Object)); !IsBroken(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnswersAreRepeatedAsEachClientDoes(t *testing.T) {
	tests := []struct {
		name   string
		status int // 0 closes the connection without an answer
		twice  []string
	}{
		{"a 500 is sent once more by Java, POST or not", 500, []string{Java}},
		{"a 503 is sent once more by Java", 503, []string{Java}},
		{"a 502 is sent once more by all but Ruby and Node", 502, []string{Go, Java, Python, PHP, CSharp}},
		{"a 409 is sent once more by Ruby", 409, []string{Ruby}},
		{"a 408 is sent once more by Ruby", 408, []string{Ruby}},
		{"a broken connection is tried again by Ruby", 0, []string{Ruby}},
		{"a 400 is sent once", 400, nil},
		{"a 403 is sent once", 403, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, name := range Clients() {
				f := serve(t, func(int, *http.Request) string {
					if test.status == 0 {
						return ""
					}
					return text(test.status, goodError, "Connection", "close")
				})
				c := New(name, f.address, "sk_test_x")
				_, err := c.Post("refund", c.Path("charges", "ch_1", "refunds"), Map{{"description", "d"}})
				if want := 1 + len(slices.DeleteFunc(slices.Clone(test.twice), func(one string) bool { return one != name })); len(f.seen) != want {
					t.Errorf("%s sent %d times, want %d", name, len(f.seen), want)
				}
				if silent := name == Go && test.status == 502; IsBroken(err) != silent || err == nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

func TestNodeHangsOnAConnectionThatIsKeptAlive(t *testing.T) {
	c := New(Node, always(t, text(200, goodRefund)).address, "sk_test_x")
	if _, err := c.Get("refund", "/v1/x", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get("refund", "/v1/x", nil); !errors.Is(err, ErrHangs) {
		t.Errorf("got %v", err)
	}
}

func TestJavaRefusesAnAnswerThatIsNotSigned(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := sign(key, goodRefund)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		answer string
		broken bool
	}{
		"signed":             {text(200, goodRefund, "x-pingplusplus-signature", signature), false},
		"not signed":         {text(200, goodRefund), true},
		"compressed after":   {text(200, goodRefund+" ", "X-Pingplusplus-Signature", signature), true},
		"an error, unsigned": {text(401, goodError), false},
	} {
		c := New(Java, always(t, test.answer).address, "sk_test_x")
		c.Verifying = &key.PublicKey
		if _, err := c.Get("refund", "/v1/x", nil); IsBroken(err) != test.broken {
			t.Errorf("%s: %v", name, err)
		}
	}
}
