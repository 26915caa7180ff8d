package chinaums_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

// A notice is a hint and names the refund: the channel is asked before anything
// changes.
func TestANoticeIsAHint(t *testing.T) {
	f := newFake(t)
	for name, of := range map[string]struct {
		change func(map[string]string)
		want   *refund.Noticed // nil: no refund's
	}{
		"of an order's refund": {func(map[string]string) {}, &refund.Noticed{Number: number(1), OrderNo: orderNo, Hint: true}},
		"of a bill's refund": {func(fields map[string]string) {
			fields["billNo"], fields["billStatus"], fields["merOrderId"] = billNo, "REFUND", billNo+"0"
			fields["billPayment"] = `{"totalAmount":1000,"payDetail":"现金支付10.00元。","status":"TRADE_REFUND"}`
		}, &refund.Noticed{Number: number(1), OrderNo: billNo, Hint: true}},
		"of a bill's refund without a number": {func(fields map[string]string) {
			fields["billNo"], fields["billStatus"] = billNo, "REFUND"
			delete(fields, "refundOrderId")
		}, &refund.Noticed{OrderNo: billNo, Hint: true}},
		"of a payment": {func(fields map[string]string) {
			fields["status"] = "TRADE_SUCCESS"
			delete(fields, "refundOrderId")
			delete(fields, "refundAmount")
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			fields := refundNotice()
			of.change(fields)
			notices, reply, err := newDriver().Receive(f.account(nil), noticeOf(t, fields, commKey))
			if err != nil {
				t.Fatal(err)
			}
			if a := reply(nil); a.Status != http.StatusOK || string(a.Body) != "SUCCESS" {
				t.Errorf("answered %d %s", a.Status, a.Body)
			}
			if a := reply(io.ErrUnexpectedEOF); a.Status != http.StatusInternalServerError || string(a.Body) != "FAILED" {
				t.Errorf("not kept, it is answered %d %s", a.Status, a.Body)
			}
			if of.want == nil {
				if len(notices) != 0 {
					t.Errorf("%+v", notices)
				}
				return
			}
			if len(notices) != 1 {
				t.Fatalf("%+v", notices)
			}
			if diff := cmp.Diff(*of.want, notices[0].Noticed); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatIsNoNoticeOfTheAccountsIsRefused(t *testing.T) {
	f := newFake(t)
	with := func(name, value string) func(testing.TB) *http.Request {
		return func(t testing.TB) *http.Request {
			fields := refundNotice()
			fields[name] = value
			return noticeOf(t, fields, commKey)
		}
	}
	body := func(text string) func(testing.TB) *http.Request {
		return func(t testing.TB) *http.Request {
			r := noticeOf(t, refundNotice(), commKey)
			r.Body = io.NopCloser(strings.NewReader(text))
			return r
		}
	}
	signed := func(change func(url.Values)) func(testing.TB) *http.Request {
		return func(t testing.TB) *http.Request {
			r := noticeOf(t, refundNotice(), commKey)
			raw, _ := io.ReadAll(r.Body)
			form, _ := url.ParseQuery(string(raw))
			change(form)
			r.Body = io.NopCloser(strings.NewReader(form.Encode()))
			return r
		}
	}
	for name, request := range map[string]func(testing.TB) *http.Request{
		"another merchant's":         with("mid", "898310000000009"),
		"no merchant's":              with("mid", ""),
		"a digest that there is not": with("signType", "SM3"),
		"another key's":              func(t testing.TB) *http.Request { return noticeOf(t, refundNotice(), "another") },
		"signed by no key":           func(t testing.TB) *http.Request { return noticeOf(t, refundNotice(), "") },
		"without a signature":        signed(func(form url.Values) { form.Del("sign") }),
		"with an empty signature":    signed(func(form url.Values) { form.Set("sign", "") }),
		"with another amount":        signed(func(form url.Values) { form.Set("refundAmount", "999") }),
		"with a field more":          signed(func(form url.Values) { form.Set("refundExtOrderId", "1") }),
		"with a field twice":         signed(func(form url.Values) { form.Add("refundOrderId", number(1)) }),
		"a broken form":              body("a=%zz&sign=1"),
		"JSON":                       body(`{"mid":"898310000000001"}`),
		"2 MB":                       body("sign=" + strings.Repeat("x", 2<<20)),
		"a thousand fields":          body(strings.Repeat("a", 1) + "=1" + strings.Repeat("&", 3000)),
		"compressed": func(t testing.TB) *http.Request {
			r := noticeOf(t, refundNotice(), commKey)
			var packed bytes.Buffer
			w := gzip.NewWriter(&packed)
			_, _ = w.Write(bytes.Repeat([]byte{0}, 1<<20))
			_ = w.Close()
			r.Header.Set("Content-Encoding", "gzip")
			r.Body = io.NopCloser(&packed)
			return r
		},
	} {
		t.Run(name, func(t *testing.T) {
			notices, reply, err := newDriver().Receive(f.account(nil), request(t))
			if err == nil {
				t.Fatalf("taken: %+v", notices)
			}
			if a := reply(err); a.Status != http.StatusBadRequest || string(a.Body) != "FAILED" {
				t.Errorf("answered %d %s", a.Status, a.Body)
			}
			if strings.Contains(err.Error(), commKey) {
				t.Errorf("the key stands in %v", err)
			}
		})
	}
	t.Run("an account without a communication key takes none", func(t *testing.T) {
		a := f.account(nil)
		delete(a.Secrets, "communication_key")
		for _, key := range []string{"", commKey} {
			if _, reply, err := newDriver().Receive(a, noticeOf(t, refundNotice(), key)); err == nil || reply(err).Status != http.StatusBadRequest {
				t.Errorf("taken with %q: %v", key, err)
			}
		}
	})
	t.Run("every earlier key that lives is good", func(t *testing.T) {
		a := f.account(nil)
		a.Secrets["communication_key"] = "now"
		a.Previous = []channel.Credentials{{Secrets: map[string]string{"communication_key": "before"}}, {Secrets: map[string]string{}}, {Secrets: map[string]string{"communication_key": "first"}}}
		for key, ok := range map[string]bool{"now": true, "before": true, "first": true, "": false, "other": false} {
			if _, _, err := newDriver().Receive(a, noticeOf(t, refundNotice(), key)); (err == nil) != ok {
				t.Errorf("%q: %v", key, err)
			}
		}
	})
}
