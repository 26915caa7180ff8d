package alipay

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/channelsim"
)

const (
	pathGateway = "/gateway.do"
	pathBill    = "/bill/download"
	// nodeOfErrors is the node of an answer to a request that names no interface.
	nodeOfErrors = "error_response"
)

// request is what Authenticate has read: the parameters, and the node of the answer. A
// request without a node is one for a file.
type request struct {
	params   map[string]string
	node     string
	unsigned bool
}

// methods are the interfaces of the gateway.
var methods = map[string]func(*Side, *channelsim.Call, string) channelsim.Answer{
	"alipay.trade.refund":                            (*Side).refund,
	"alipay.trade.fastpay.refund.query":              (*Side).query,
	"alipay.trade.query":                             (*Side).trade,
	"alipay.data.dataservice.bill.downloadurl.query": (*Side).billAddress,
}

// required are the public parameters, with the sub_code for one that is missing.
var required = []struct{ name, missing string }{
	{"method", "isv.missing-method"},
	{"app_id", "isv.missing-app-id"},
	{"charset", "isv.missing-charset"},
	{"sign_type", "isv.missing-signature-type"},
	{"sign", "isv.missing-signature"},
	{"timestamp", "isv.missing-timestamp"},
	{"version", "isv.missing-version"},
}

// Authenticate implements channelsim.Side: the public parameters, and the signature
// over all of them. Who names no app of ours gets an answer that nobody has signed.
func (s *Side) Authenticate(c *channelsim.Call) *channelsim.Answer {
	r := &request{}
	c.Caller = r
	if c.Path == pathBill {
		return nil
	}
	r.node = nodeOfErrors
	code, sub := s.wrongRequest(c, r)
	if code == "" {
		return nil
	}
	a := answer(fault{Code: code, Msg: messages[code], SubCode: sub, SubMsg: sub})
	return &a
}

// wrongRequest reads the parameters and says what is wrong with them, "" for nothing.
func (s *Side) wrongRequest(c *channelsim.Call, r *request) (code, sub string) {
	var ok bool
	if r.params, ok = parameters(c); !ok || c.Path != pathGateway || c.Method != http.MethodPost {
		r.unsigned = true
		return "40002", "isv.invalid-parameter"
	}
	method := r.params["method"]
	_, known := methods[method]
	if known {
		r.node = strings.ReplaceAll(method, ".", "_") + "_response"
	}
	r.unsigned = r.params["app_id"] != s.appID
	for _, one := range required {
		if r.params[one.name] == "" {
			return "40001", one.missing
		}
	}
	_, err := time.ParseInLocation(time.DateTime, r.params["timestamp"], beijing)
	for _, one := range []struct {
		wrong bool
		sub   string
	}{
		{r.unsigned, "isv.invalid-app-id"},
		{!known, "isv.invalid-method"},
		{r.params["sign_type"] != "RSA2", "isv.invalid-signature-type"},
		{!strings.EqualFold(r.params["charset"], "utf-8"), "isv.invalid-charset"},
		{r.params["version"] != "1.0", "isv.invalid-version"},
		{r.params["format"] != "" && !strings.EqualFold(r.params["format"], "json"), "isv.invalid-format"},
		{err != nil, "isv.invalid-timestamp"},
		{!s.signed(r.params), "isv.invalid-signature"},
	} {
		if one.wrong {
			return "40002", one.sub
		}
	}
	return "", ""
}

// parameters reads those of the query and of the form together: clients put the public
// ones into either. A name that comes twice leaves open which was signed.
func parameters(c *channelsim.Call) (map[string]string, bool) {
	form, err := url.ParseQuery(string(c.Body))
	if err != nil {
		return nil, false
	}
	params := make(map[string]string)
	for _, values := range []url.Values{c.Query, form} {
		for name, list := range values {
			if _, twice := params[name]; twice || len(list) != 1 {
				return nil, false
			}
			params[name] = list[0]
		}
	}
	return params, true
}

// text is what is signed: the parameters that are not empty by their names, but for
// those that are left out.
func text(params map[string]string, without ...string) string {
	var pairs []string
	for name, value := range params {
		if value != "" && !slices.Contains(without, name) {
			pairs = append(pairs, name+"="+value)
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

// signed reports whether a request is signed by the app.
func (s *Side) signed(params map[string]string) bool {
	signature, err := base64.StdEncoding.DecodeString(params["sign"])
	digest := sha256.Sum256([]byte(text(params, "sign")))
	return err == nil && rsa.VerifyPKCS1v15(s.app, crypto.SHA256, digest[:], signature) == nil
}

// sign signs a text with the platform's key; wrong makes a signature of another text.
func (s *Side) sign(text string, wrong bool) string {
	if wrong {
		text += "!"
	}
	digest := sha256.Sum256([]byte(text))
	raw, err := rsa.SignPKCS1v15(nil, s.own, crypto.SHA256, digest[:])
	if err != nil {
		raw = nil // the key was checked: no size of it is too small
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// Serve implements channelsim.Side.
func (s *Side) Serve(c *channelsim.Call) channelsim.Answer {
	r, _ := c.Caller.(*request) // as Authenticate left it
	if r.node == "" {
		return s.billFile(c)
	}
	biz := r.params["biz_content"]
	if biz == "" {
		return answer(fault{Code: "40001", Msg: messages["40001"], SubCode: "isv.missing-parameter", SubMsg: "biz_content"})
	}
	return methods[r.params["method"]](s, c, biz)
}

// Sign implements channelsim.Side: the answer becomes a node, and the signature is over
// its very bytes.
func (s *Side) Sign(c *channelsim.Call, a *channelsim.Answer, wrong bool) {
	r, _ := c.Caller.(*request)
	if r.node == "" {
		return
	}
	node := a.Body
	var body bytes.Buffer
	body.WriteString(`{"` + r.node + `":`)
	body.Write(node)
	if !r.unsigned {
		body.WriteString(`,"sign":"` + s.sign(string(node), wrong) + `"`)
	}
	body.WriteString("}")
	a.Body = body.Bytes()
}

// messages are those of the gateway's codes.
var messages = map[string]string{
	"10000": "Success", "20000": "Service Currently Unavailable", "40001": "Missing Required Arguments", "40002": "Invalid Arguments",
	"40004": "Business Failed", "40005": "Call Limited", "40006": "Insufficient Permissions",
}

// fault is an answer that refuses.
type fault struct {
	Code    string `json:"code"`
	Msg     string `json:"msg"`
	SubCode string `json:"sub_code,omitempty"`
	SubMsg  string `json:"sub_msg,omitempty"`
}

// success is what each answer begins with that does not refuse.
type success struct {
	Code string `json:"code"`
	Msg  string `json:"msg"`
}

var ok = success{"10000", "Success"}

// answer is a node as it is sent. The platform writes slashes as \/, which a client that
// writes the node anew before it verifies loses.
func answer(content any) channelsim.Answer {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(content) // of structs of texts
	node := bytes.ReplaceAll(bytes.TrimSuffix(body.Bytes(), []byte("\n")), []byte("/"), []byte(`\/`))
	a := channelsim.Answer{Status: http.StatusOK, Body: node}
	a.Set("Content-Type", "text/html;charset=utf-8")
	return a
}

// refuse is a refusal of the business's.
func refuse(sub, message string) channelsim.Answer {
	return answer(fault{Code: "40004", Msg: messages["40004"], SubCode: sub, SubMsg: message})
}

// Throttled implements channelsim.Side.
func (*Side) Throttled(*channelsim.Call) channelsim.Answer {
	return answer(fault{Code: "40005", Msg: messages["40005"], SubCode: "isv.app-call-limited", SubMsg: "应用调用次数超限"})
}

// ShortOfFunds implements channelsim.Side.
func (*Side) ShortOfFunds(*channelsim.Call) channelsim.Answer {
	return refuse("ACQ.SELLER_BALANCE_NOT_ENOUGH", "卖家余额不足")
}
