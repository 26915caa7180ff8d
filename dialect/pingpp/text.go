package pingpp

import (
	"net/http"

	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// text is a sentence in the two languages of the dialect.
type text struct{ chinese, english string }

func (t text) in(locale wire.Locale) string {
	if locale == wire.English {
		return t.english
	}
	return t.chinese
}

// flaw is what the dialect itself finds wrong with a request, in both
// languages. Its kind's row in the table gives the status.
type flaw struct {
	kind  refund.Kind
	param string
	text  text
	// words, if not nil, tells it in place of param and text.
	words func(wire.Locale) wire.Error
}

func (f *flaw) Error() string { return string(f.kind) + ": " + f.tell(wire.English).Message }

func (f *flaw) status() int {
	if row, ok := answers[f.kind]; ok {
		return row.status
	}
	return http.StatusBadRequest
}

func (f *flaw) tell(locale wire.Locale) wire.Error {
	if f.words != nil {
		return f.words(locale)
	}
	return wire.Error{Type: wire.TypeInvalidRequest, Message: f.text.in(locale), Param: f.param}
}

// missing is a parameter that must be there.
func missing(param string) *flaw {
	return &flaw{kind: refund.KindInvalid, param: param, text: text{"缺少必需的参数 " + param + "。", "The parameter " + param + " is required."}}
}

// invalid is a parameter that is malformed or out of range; why completes
// "the parameter x is invalid: ".
func invalid(param string, why text) *flaw {
	return &flaw{kind: refund.KindInvalid, param: param, text: text{
		"参数 " + param + " 无效：" + why.chinese + "。",
		"The parameter " + param + " is invalid: " + why.english + ".",
	}}
}

// malformed is a request that can't be read at all.
func malformed(param string, why text) *flaw {
	return &flaw{kind: refund.KindInvalid, param: param, text: text{
		"请求无法解析：" + why.chinese + "。",
		"The request cannot be read: " + why.english + ".",
	}}
}

// What is said of more than one parameter.
var (
	wantAmount  = text{"必须是大于 0 的整数", "it must be a whole number above 0"}
	wantText    = text{"必须是字符串", "it must be a string"}
	wantObject  = text{"必须是对象", "it must be an object"}
	wantBoolean = text{"必须是 true 或 false", "it must be true or false"}
)
