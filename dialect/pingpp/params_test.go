package pingpp

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
	wire "github.com/refundry/refundry/wire/pingpp"
)

func TestBodiesThatMeanTheSame(t *testing.T) {
	const jsonType, formType = "application/json;charset=utf-8", "application/x-www-form-urlencoded"
	tests := []struct {
		name        string
		body        string
		contentType string
		want        string // as JSON
	}{
		{"Go without parameters", "null", jsonType, `{}`},
		{"PHP without parameters", "[]", jsonType, `{}`},
		{"Node without parameters", "{}", jsonType, `{}`},
		{"Java without parameters", "", "", `{}`},
		{"C# without parameters", "", jsonType, `{}`},
		{"blanks alone", " \r\n", jsonType, `{}`},
		{"JSON", `{"amount":1}`, jsonType, `{"amount":1}`},
		{"JSON that curl calls a form", ` {"amount":1}`, formType, `{"amount":1}`},
		{"JSON without a type", `{"amount":1}`, "", `{"amount":1}`},
		{"null that curl calls a form", "null", formType, `{}`},
		{"a form as curl -d sends it", "description=Refund Description&amount=1", formType, `{"description":"Refund Description","amount":"1"}`},
		{"a form without a type", "amount=1", "", `{"amount":"1"}`},
		{"a percent sign that is just that", "description=100% of it, 5%2&a=%zz%", formType, `{"description":"100% of it, 5%2","a":"%zz%"}`},
		{"escapes beside it", "description=50%25 %E9%80%80%E6%AC%BE%", formType, `{"description":"50% 退款%"}`},
		{"literal brackets", "metadata[color]=red", formType, `{"metadata":{"color":"red"}}`},
		{"escaped brackets", "metadata%5Bcolor%5D=red", formType, `{"metadata":{"color":"red"}}`},
		{"lists in every style", "a[]=1&a[]=2&b[0]=1&b[1]=2&c=1&c=2", formType, `{"a":["1","2"],"b":["1","2"],"c":["1","2"]}`},
		{"lists of maps", "s[][account]=x&s[][amount]=1&s[][account]=y", formType, `{"s":[{"account":"x","amount":"1"},{"account":"y"}]}`},
		{"lists of maps with indexes", "s[0][account]=x&s[1][account]=y", formType, `{"s":[{"account":"x"},{"account":"y"}]}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := decodeBody([]byte(test.body), test.contentType)
			if err != nil {
				t.Fatal(err)
			}
			if string(got.Raw) != test.want {
				t.Errorf("got %s, want %s", got.Raw, test.want)
			}
		})
	}
}

func TestAmounts(t *testing.T) {
	good := map[string]int64{`1`: 1, `"1"`: 1, `100`: 100, `9223372036854775807`: 9223372036854775807, `9223372036854775808`: 9223372036854775807, `99999999999999999999999999999999999999`: 9223372036854775807, `"2147483648"`: 2147483648}
	for text, want := range good {
		if got, ok := amountAbove0(parse(t, text)); !ok || got != want {
			t.Errorf("%s is %d (%t), want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{
		`0`, `-1`, `-0`, `1.0`, `1e2`, `1E2`,
		`""`, `"0"`, `"-1"`, `"+1"`, `" 1"`, `"1 "`, `"1.0"`, `"1e2"`, `"NaN"`, `"Infinity"`, `"0x10"`, `"1_000"`, `"1,000"`, `"01"`, `"１"`,
		`true`, `[]`, `[1]`, `{}`, `{"a":1}`,
	} {
		if got, ok := amountAbove0(parse(t, text)); ok {
			t.Errorf("%s is taken for %d", text, got)
		}
	}
}

func TestBooleans(t *testing.T) {
	for text, want := range map[string]bool{
		`true`: true, `"true"`: true, `"True"`: true, `"TRUE"`: true, `1`: true, `"1"`: true,
		`false`: false, `"false"`: false, `"False"`: false, `0`: false, `"0"`: false,
	} {
		if got, ok := boolean(parse(t, text)); !ok || got != want {
			t.Errorf("%s is %t (%t)", text, got, ok)
		}
	}
	for _, text := range []string{`""`, `"yes"`, `2`, `[]`, `{}`, `"2"`, `[true]`} {
		if got, ok := boolean(parse(t, text)); ok {
			t.Errorf("%s is taken for %t", text, got)
		}
	}
}

func TestMetadata(t *testing.T) {
	pairs := func(n int) string {
		var names []string
		for i := range n {
			names = append(names, `"k`+string(rune('a'+i))+`":"v"`)
		}
		return `{"metadata":{` + strings.Join(names, ",") + `}}`
	}
	tests := []struct {
		name string
		text string
		want string // the text kept, or "!" for refused
	}{
		{"absent", `{}`, ``},
		{"null", `{"metadata":null}`, ``},
		{"empty", `{"metadata":{}}`, ``},
		{"PHP's empty map", `{"metadata":[]}`, ``},
		{"values are kept to the digit", `{"metadata":{"a": 1.50, "b": {"c": [1, null]}}}`, `{"a":1.50,"b":{"c":[1,null]}}`},
		{"twenty pairs", pairs(20), pairs(20)[len(`{"metadata":`) : len(pairs(20))-1]},
		{"twenty-one pairs", pairs(21), `!`},
		{"1,000 characters", `{"metadata":{"k":"` + strings.Repeat("字", 999) + `"}}`, `{"k":"` + strings.Repeat("字", 999) + `"}`},
		{"1,001 characters", `{"metadata":{"k":"` + strings.Repeat("字", 1000) + `"}}`, `!`},
		{"a text", `{"metadata":"x"}`, `!`},
		{"a list", `{"metadata":["x"]}`, `!`},
		{"a number", `{"metadata":1}`, `!`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := metadata(parse(t, test.text))
			if test.want == "!" {
				wantFlaw(t, err, "metadata")
				return
			}
			if err != nil || string(got) != test.want {
				t.Errorf("got %s (%v), want %s", got, err, test.want)
			}
		})
	}
}

// storedOptions is how options are stored, as every released version reads them;
// "" for none.
func storedOptions(t testing.TB, options refund.ChannelOptions) string {
	t.Helper()
	text, err := json.Marshal(refund.RefundDetail{Options: options})
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(string(text), "{"), `"extra":`), "}")
}

func TestExtra(t *testing.T) {
	tests := []struct {
		name    string
		channel string
		text    string
		kept    string
		splits  string
		param   string // at fault
	}{
		{"absent", "wx", `{}`, ``, ``, ``},
		{"PHP's empty map", "wx", `{"extra":[]}`, ``, ``, ``},
		{"hide_reason", "wx", `{"extra":{"hide_reason":"1"}}`, `{"hide_reason":true}`, ``, ``},
		{"hide_reason of another channel is ignored", "alipay", `{"extra":{"hide_reason":"maybe"}}`, ``, ``, ``},
		{"hide_reason that is none", "wx_lite", `{"extra":{"hide_reason":"maybe"}}`, ``, ``, `extra[hide_reason]`},
		{
			"shares", "cb_alipay", `{"extra":{"split_fund_info":[{"account":"2088","amount":"1","desc":"d"},{"account":"2089","amount":2}]}}`,
			`{"split_fund_info":[{"account":"2088","amount":1,"desc":"d"},{"account":"2089","amount":2}]}`, `[["2088",1],["2089",2]]`, ``,
		},
		{"shares of another channel are ignored", "wx", `{"extra":{"split_fund_info":"x"}}`, ``, ``, ``},
		{"shares without account", "cb_alipay", `{"extra":{"split_fund_info":[{"amount":1}]}}`, ``, ``, `extra[split_fund_info]`},
		{"shares without amount", "cb_alipay_wap", `{"extra":{"split_fund_info":[{"account":"2088"}]}}`, ``, ``, `extra[split_fund_info]`},
		{"shares of nothing", "cb_alipay", `{"extra":{"split_fund_info":[{"account":"2088","amount":0}]}}`, ``, ``, `extra[split_fund_info]`},
		{"shares above the amount", "cb_alipay", `{"extra":{"split_fund_info":[{"account":"1","amount":60},{"account":"2","amount":41}]}}`, ``, ``, `extra[split_fund_info]`},
		{
			"shares that overflow", "cb_alipay",
			`{"extra":{"split_fund_info":[{"account":"1","amount":9223372036854775807},{"account":"2","amount":9223372036854775807}]}}`, ``, ``, `extra[split_fund_info]`,
		},
		{"shares that are no list", "cb_alipay", `{"extra":{"split_fund_info":{"account":"1"}}}`, ``, ``, `extra[split_fund_info]`},
		{"a rate is kept to the digit", "cb_alipay_qr", `{"extra":{"rate":6.4650,"refund_amount":"7"}}`, `{"rate":"6.4650","refund_amount":7}`, ``, ``},
		{"a rate of 0", "cb_alipay_scan", `{"extra":{"rate":"0.00"}}`, ``, ``, `extra[rate]`},
		{"a rate with an exponent", "cb_alipay_scan", `{"extra":{"rate":1e2}}`, ``, ``, `extra[rate]`},
		{"a negative refund_amount", "cb_alipay_scan", `{"extra":{"refund_amount":-1}}`, ``, ``, `extra[refund_amount]`},
		{"a text", "wx", `{"extra":"x"}`, ``, ``, `extra`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			channel, _ := wire.ChannelNamed(test.channel)
			kept, err := refundExtra(parse(t, test.text), channel, 100)
			if test.param != "" {
				wantFlaw(t, err, test.param)
				return
			}
			if canonical, stored := canonicalSplits(kept.Splits), storedOptions(t, kept); err != nil || stored != test.kept || canonical != test.splits {
				t.Errorf("got %s, %s (%v), want %s, %s", stored, canonical, err, test.kept, test.splits)
			}
		})
	}
}

func TestCreatedFilters(t *testing.T) {
	at := func(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }
	tests := []struct {
		name  string
		query string
		want  span
	}{
		{"equal", "created=5", span{at(5), at(6)}},
		{"greater or equal", "created[gte]=5", span{from: at(5)}},
		{"greater", "created[gt]=5", span{from: at(6)}},
		{"less", "created%5Blt%5D=5", span{to: at(5)}},
		{"less or equal", "created[lte]=5", span{to: at(6)}},
		{"the narrower of each", "created[gte]=5&created[gt]=6&created[lt]=9&created[lte]=7", span{at(7), at(8)}},
		{"Go's plain one beside a range gives way", "created=5&created[gt]=5", span{from: at(6)}},
		{"a time that no clock shows", "created[lt]=99999999999999999999", span{to: at(latest)}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			params, err := decodeQuery(test.query)
			if err != nil {
				t.Fatal(err)
			}
			got, filtered, err := created(params)
			if err != nil || !filtered || got != test.want {
				t.Errorf("got %v, %t (%v), want %v", got, filtered, err, test.want)
			}
		})
	}
}

func TestExpand(t *testing.T) {
	for query, want := range map[string]bool{
		"expand[]=app": true, "expand[0]=app": true, "expand=app": true, "expand[]=x&expand[]=app": true, "expand%5B%5D=app": true,
		"": false, "expand[]=refunds": false, "expand=": false, "expand[app]=1": false,
	} {
		params, err := decodeQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if got := expandsApp(params); got != want {
			t.Errorf("%q expands: %t", query, got)
		}
	}
}

func TestFamiliesOfChannels(t *testing.T) {
	for _, pair := range [][2]string{{"wx", "wx_pub_qr"}, {"alipay", "alipay_pc_direct"}, {"cb_wx", "cb_wx_pub"}} {
		if family(pair[0]) != family(pair[1]) {
			t.Errorf("%s and %s are two families", pair[0], pair[1])
		}
	}
	for _, pair := range [][2]string{{"wx", "alipay"}, {"wx", "cb_wx"}, {"cb_wx", "cb_alipay"}} {
		if family(pair[0]) == family(pair[1]) {
			t.Errorf("%s and %s are one family", pair[0], pair[1])
		}
	}
}

func parse(t *testing.T, text string) exactjson.Value {
	t.Helper()
	value, err := exactjson.Decode([]byte(text), exactjson.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func wantFlaw(t *testing.T, err error, param string) {
	t.Helper()
	var problem *flaw
	if !errors.As(err, &problem) || problem.kind != refund.KindInvalid || problem.param != param {
		t.Errorf("got %v, want a flaw of %s", err, param)
	}
}

// Whatever a body is, it is decoded or refused, and what is decoded reads the
// same when it comes again as JSON.
func FuzzDecodeBody(f *testing.F) {
	for _, seed := range []string{
		"", "null", "[]", "{}", `{"amount":1,"description":"d","metadata":{"a":[1,{}]},"extra":{"split_fund_info":[{"account":"a","amount":"1"}]}}`,
		"description=Refund Description&amount=1&metadata[color]=red", "a[]=1&a[][b]=2", "a%5B0%5D=1", `{"a":1,"a":2}`, "\xff", `{"description":"\ud800"}`,
	} {
		f.Add([]byte(seed), "application/json", "wx")
		f.Add([]byte(seed), "", "cb_alipay")
	}
	f.Fuzz(func(t *testing.T, body []byte, contentType, channelName string) {
		params, err := decodeBody(body, contentType)
		if err != nil {
			var problem *flaw
			if !errors.As(err, &problem) {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		if params.Kind != exactjson.Object || !json.Valid(params.Raw) {
			t.Fatalf("decoded to a %s: %s", params.Kind, params.Raw)
		}
		again, err := decodeBody(params.Raw, "application/json")
		if err != nil || string(again.Raw) != string(params.Raw) {
			t.Fatalf("%s reads differently as JSON: %s (%v)", params.Raw, again.Raw, err)
		}
		c := &call{params: params}
		charge := testCharge()
		charge.Channel = channelName
		c.r = request(t)
		unit, err := refundUnit(c, charge)
		if err != nil {
			return
		}
		one := unit.Requests[0]
		if one.Reason == "" || one.Amount != nil && *one.Amount <= 0 || len(unit.Members) != 1 {
			t.Fatalf("took %+v", unit)
		}
		// What is accepted must be renderable.
		if _, err := wire.Marshal(refundObject(refund.Refund{Detail: one.Detail}, charge.Named(), wire.Chinese)); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzDecodeQuery(f *testing.F) {
	for _, seed := range []string{"limit=3&starting_after=re_x", "created=5&created[gt]=5", "app[id]=app_x&expand[]=app", "%", "a[[=1", "limit=0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		params, err := decodeQuery(raw)
		if err != nil {
			return
		}
		expandsApp(params)
		if s, filtered, err := created(params); err == nil && filtered && s.from.IsZero() && s.to.IsZero() {
			t.Fatalf("%q filters by nothing", raw)
		}
		wanted, err := page(t.Context(), params, maxPage, nowhere)
		if err == nil && (wanted.Limit < 1 || wanted.Limit > maxPage) {
			t.Fatalf("%q gives pages of %d", raw, wanted.Limit)
		}
	})
}
