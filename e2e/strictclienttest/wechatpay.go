package strictclienttest

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"math/big"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Names of the WeChat Pay clients; Go, Java and PHP are theirs, too.
const (
	Axios  = "axios-plugin"
	NodeV3 = "node-v3"
)

// maxSkew is how far an answer's timestamp may be from the clock.
const maxSkew = 300 * time.Second

// wechatpay is what one client of WeChat Pay does in its own way (W1.2-5 to
// W1.2-16, W1.7-1 to W1.7-6 and W6-3 to W6-6 in docs/rules/wechatpay.md).
type wechatpay struct {
	body flavour
	// escape spells a number in a path; signed is what is signed in its place,
	// if that differs.
	escape func(string) string
	signed func(string) string
	order  []string // of the attributes of Authorization
	// names says that it names the platform key it can verify with.
	names bool
	// lower writes the serial in small letters.
	lower     bool
	nonceSize int
	nonces    string // their alphabet
	fields    []Field
	// verifies every 2xx; exact looks headers up with their letter case; other
	// paths in unsigned are not verified.
	verifies, exact bool
	unsigned        []string
	// jsonErrors wants a JSON object, or nothing, as the body of an error.
	jsonErrors bool
	// jsonType wants a content type that begins with application/json.
	jsonType bool
	decoder  decoder
}

func asItIs(text string) string { return text }

var wechatClients = map[string]wechatpay{
	Go: {
		body: flavour{html: true, newline: true}, escape: func(text string) string { return escapePath(text, "-_.~@") },
		order: []string{"mchid", "nonce_str", "timestamp", "serial_no", "signature"}, names: true, nonceSize: 32, nonces: big32,
		fields:   []Field{{"Accept", "*/*"}, {"Content-Type", "application/json"}, {"User-Agent", "WechatPay-Go/0.2.21 (linux) GO/go1.22"}},
		verifies: true, decoder: decoder{whole: true, typed: true, strictText: true, amountBits: 64, timeBits: 64},
	},
	Java: {
		body: flavour{html: true, gson: true}, escape: func(text string) string { return escapePath(text, "-_.*") },
		order: []string{"mchid", "nonce_str", "timestamp", "serial_no", "signature"}, names: true, nonceSize: 32, nonces: big32,
		fields: []Field{{"Accept", "application/json"}, {"Content-Type", "application/json; charset=utf-8"}, {"User-Agent", "WechatPay-Java/0.2.17"}},
		// OkHttp's headers end in a map that knows letter case.
		verifies: true, exact: true, jsonErrors: true, jsonType: true,
		decoder: decoder{whole: true, typed: true, amountBits: 64, timeBits: 64},
	},
	PHP: {
		body: flavour{ascii: true, slash: true, emptyList: true}, escape: func(text string) string { return escapePath(text, "-_.~") },
		order: []string{"mchid", "serial_no", "timestamp", "nonce_str", "signature"}, nonceSize: 32, nonces: big32 + "abcdefghijklmnopqrstuvwxyz",
		fields:   []Field{{"Accept", "application/json, text/plain, application/x-gzip"}, {"Content-Type", "application/json; charset=utf-8"}},
		verifies: true, unsigned: []string{"/v3/billdownload/file"}, decoder: decoder{whole: true},
	},
	Axios: {
		escape: asItIs, order: []string{"mchid", "nonce_str", "signature", "timestamp", "serial_no"}, nonceSize: 32, nonces: big32,
		fields:   []Field{{"Accept", "application/json"}, {"Content-Type", "application/json"}},
		verifies: true, unsigned: []string{"/v3/billdownload/file"}, decoder: decoder{whole: true},
	},
	NodeV3: {
		escape: func(text string) string { return strings.ReplaceAll(text, "|", "%7C") }, signed: asItIs,
		order: []string{"mchid", "nonce_str", "timestamp", "serial_no", "signature"}, lower: true,
		nonceSize: 11, nonces: "abcdefghijklmnopqrstuvwxyz0123456789",
		fields: []Field{{"Accept", "application/json"}, {"Content-Type", "application/json"}, {"User-Agent", "127.0.0.1"}, {"Accept-Encoding", "gzip"}},
	},
}

const big32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// WeChatClients are the names of the WeChat Pay clients.
func WeChatClients() []string { return []string{Go, Java, PHP, Axios, NodeV3} }

// WeChat is a WeChat Pay client of one language, used by one goroutine.
type WeChat struct {
	Address        string
	MchID          string
	MerchantSerial string
	Signing        *rsa.PrivateKey
	// Keys are the platform's, by the serial or id that names them.
	Keys map[string]*rsa.PublicKey
	// Verifying names the one key that the client holds; "" holds all of Keys.
	Verifying string
	APIv3Key  string
	Now       func() time.Time
	// More are headers that a program adds.
	More      []Field
	Exchanges []Exchange

	name   string
	is     wechatpay
	socket *connection
}

// NewWeChat returns a client by its name; its keys are for the caller to set.
func NewWeChat(name, address string) *WeChat {
	is, ok := wechatClients[name]
	if !ok {
		panic("no client " + name)
	}
	return &WeChat{Address: address, Now: time.Now, name: name, is: is}
}

// Name is the client's language or package.
func (c *WeChat) Name() string { return c.name }

// Close ends the connection.
func (c *WeChat) Close() { c.socket.close() }

// Get reads an object of a documented name. Numbers in path stand in braces:
// each client escapes them in its own way.
func (c *WeChat) Get(name, path, query string) (Object, error) {
	return c.call(name, "GET", path, query, nil)
}

// Post writes.
func (c *WeChat) Post(name, path string, body Map) (Object, error) {
	return c.call(name, "POST", path, "", c.is.body.encode(body))
}

// Download returns a file as it came; no client can verify it.
func (c *WeChat) Download(address string) ([]byte, error) {
	parsed, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	in, err := c.send("GET", parsed.EscapedPath(), parsed.RawQuery, nil)
	if err != nil || in.Status != 200 {
		return nil, fmt.Errorf("download %s: %d %s, %w", address, in.Status, in.Body, err)
	}
	if c.verifies(parsed.Path) && c.is.unsigned != nil {
		return nil, c.verified(in)
	}
	return in.Body, nil
}

func (c *WeChat) call(name, method, path, query string, body []byte) (Object, error) {
	in, err := c.send(method, path, query, body)
	if err != nil {
		return nil, err
	}
	if in.Status/100 != 2 {
		return nil, c.refused(in)
	}
	if c.verifies(path) {
		if err := c.verified(in); err != nil {
			return nil, err
		}
	}
	if c.is.jsonType && !strings.HasPrefix(in.Any("Content-Type"), "application/json") {
		return nil, breaks("the content type is %q", in.Any("Content-Type"))
	}
	return c.read(name, in.Body)
}

func (c *WeChat) verifies(path string) bool {
	if !c.is.verifies {
		return false
	}
	for _, one := range c.is.unsigned {
		if one == path {
			return false
		}
	}
	return true
}

// read decodes an answer; a null anywhere is a mistake, for keys are left out.
func (c *WeChat) read(name string, body []byte) (Object, error) {
	value, err := decodeJSON(body)
	if err != nil {
		return nil, err
	}
	if at := nullIn(value, name); at != "" {
		return nil, breaks("%s is null", at)
	}
	object, ok := value.(Object)
	if !ok {
		return nil, breaks("the answer is %s and no object", describe(value))
	}
	if err := c.is.decoder.check(name, name, value); err != nil {
		return nil, err
	}
	return object, timesFit(name, object)
}

// timesFit reports whether success_time is there for a success alone.
func timesFit(name string, object Object) error {
	status, timed := object["status"], object["success_time"] != nil
	if name == "wechat notice" {
		status = object["refund_status"]
	}
	if name != "wechat refund" && name != "wechat notice" || timed == (status == "SUCCESS") {
		return nil
	}
	return breaks("a refund that is %v has success_time %v", status, object["success_time"])
}

func nullIn(value any, path string) string {
	switch value := value.(type) {
	case nil:
		return path
	case Object:
		for name, member := range value {
			if at := nullIn(member, path+"."+name); at != "" {
				return at
			}
		}
	case []any:
		for n, item := range value {
			if at := nullIn(item, fmt.Sprintf("%s[%d]", path, n)); at != "" {
				return at
			}
		}
	}
	return ""
}

// send signs and sends. {x} in path is a number, spelt as the client spells it.
func (c *WeChat) send(method, path, query string, body []byte) (in Incoming, err error) {
	if query != "" {
		query = "?" + query
	}
	target, signed := spell(path, c.is.escape)+query, spell(path, c.is.escape)+query
	if c.is.signed != nil {
		signed = spell(path, c.is.signed) + query
	}
	authorization, err := c.authorize(method, signed, body)
	if err != nil {
		return in, err
	}
	out := Outgoing{Method: method, Target: target, Body: body, Framing: Bodiless}
	if method == "POST" {
		out.Framing = Sized
	}
	out.Fields = append([]Field{{"Host", c.Address}, {"Authorization", authorization}}, c.is.fields...)
	if c.is.names && c.Verifying != "" {
		out.Fields = append(out.Fields, Field{"Wechatpay-Serial", c.Verifying})
	}
	out.Fields = append(out.Fields, c.More...)
	defer func() { c.Exchanges = append(c.Exchanges, Exchange{out, in, err}) }()
	if c.socket == nil || c.socket.closed {
		if c.socket, err = dial(c.Address); err != nil {
			return in, err
		}
	}
	return c.socket.exchange(out)
}

func spell(path string, escape func(string) string) string {
	before, rest, ok := strings.Cut(path, "{")
	if !ok {
		return path
	}
	number, after, _ := strings.Cut(rest, "}")
	return before + escape(number) + after
}

func (c *WeChat) authorize(method, target string, body []byte) (string, error) {
	nonce := make([]byte, c.is.nonceSize)
	for n := range nonce {
		at, err := rand.Int(rand.Reader, big.NewInt(int64(len(c.is.nonces))))
		if err != nil {
			return "", err
		}
		nonce[n] = c.is.nonces[at.Int64()]
	}
	stamp := strconv.FormatInt(c.Now().Unix(), 10)
	signature, err := sign(c.Signing, method+"\n"+target+"\n"+stamp+"\n"+string(nonce)+"\n"+string(body)+"\n")
	if err != nil {
		return "", err
	}
	serial := c.MerchantSerial
	if c.is.lower {
		serial = strings.ToLower(serial)
	}
	values := map[string]string{"mchid": c.MchID, "nonce_str": string(nonce), "timestamp": stamp, "serial_no": serial, "signature": signature}
	pieces := make([]string, len(c.is.order))
	for n, name := range c.is.order {
		pieces[n] = name + `="` + values[name] + `"`
	}
	return "WECHATPAY2-SHA256-RSA2048 " + strings.Join(pieces, ","), nil
}

// verified checks an answer's signature with the key that the client holds.
func (c *WeChat) verified(in Incoming) error {
	find := in.Any
	if c.is.exact {
		find = in.Exact
	}
	return c.verifySigned(find, in.Body)
}

func (c *WeChat) verifySigned(find func(string) string, body []byte) error {
	stamp, nonce, serial, signature := find("Wechatpay-Timestamp"), find("Wechatpay-Nonce"), find("Wechatpay-Serial"), find("Wechatpay-Signature")
	for name, value := range map[string]string{"Timestamp": stamp, "Nonce": nonce, "Serial": serial, "Signature": signature} {
		if value == "" {
			return breaks("the header Wechatpay-%s is missing", name)
		}
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	skew := c.Now().Sub(time.Unix(seconds, 0))
	if err != nil || skew >= maxSkew || skew <= -maxSkew {
		return breaks("the timestamp %q is %s off", stamp, skew)
	}
	if c.Verifying != "" && serial != c.Verifying {
		return breaks("signed by %s, asked for %s", serial, c.Verifying)
	}
	key := c.Keys[serial]
	if key == nil {
		return breaks("signed by %s, which the client has no key of", serial)
	}
	if !verify(key, stamp+"\n"+nonce+"\n"+string(body)+"\n", signature) {
		return breaks("the signature does not match the body")
	}
	return nil
}

// refused makes the client's error.
func (c *WeChat) refused(in Incoming) error {
	value, err := decodeJSON(in.Body)
	object, ok := value.(Object)
	if err != nil || !ok {
		if c.is.jsonErrors {
			return breaks("JsonSyntaxException: %d with %.100s", in.Status, in.Body)
		}
		return breaks("%d without code and message: %.100s", in.Status, in.Body)
	}
	refused := &Refused{Status: in.Status, Class: "APIError", Code: Text(object, "code"), Message: Text(object, "message")}
	if refused.Code == "" || refused.Message == "" {
		return breaks("%d without code and message: %s", in.Status, in.Body)
	}
	if detail, ok := object["detail"].(Object); ok {
		refused.Param = Text(detail, "field")
	}
	return refused
}
