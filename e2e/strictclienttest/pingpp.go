package strictclienttest

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// Names of the Ping++ clients.
const (
	Go     = "Go"
	Java   = "Java"
	Python = "Python"
	PHP    = "PHP"
	Ruby   = "Ruby"
	Node   = "Node"
	CSharp = "C#"
)

// Generation says what a release signs (P1.6-2 to P1.6-4 in
// docs/rules/pingpp.md).
type Generation int

// The generations of signing.
const (
	Current  Generation = iota // body, target and timestamp
	BodyOnly                   // the body, and sends no timestamp
	BodyTime                   // body and timestamp, for one release of Node
)

// pingpp is what one client of Ping++ does in its own way.
type pingpp struct {
	basic     bool // Authorization: Basic; else Bearer
	body      flavour
	query     query
	postType  string // Content-Type of a POST
	getType   string // of a GET, "" for none
	typeName  string // the header's name as it writes it
	empty     string // the body of a POST without parameters
	bare      bool   // and without a Content-Type
	framing   Framing
	bareFrame Framing // of an empty body
	expect    bool
	rawIDs    bool // ids are pasted into the path as they are
	agent     string
	more      []Field
	// timestamps says that the timestamp goes out without a signing key too.
	timestamps bool
	// repeats says whether an answer, 0 for a broken connection, makes it send
	// the same once more.
	repeats func(status int, body []byte) bool
	// silent502 takes a second 502 for an empty success: Go.
	silent502 bool
	// hangs on a connection that is used again: Node.
	hangs bool
	// truthy says that a body with an error is an error, whatever the status,
	// and one without is none: Node.
	truthy bool
	// verifies answers with 2xx, if it has a key: Java.
	verifies bool
	decoder  decoder
	classes  map[int]string // status to exception; 0 is any other
}

func on(statuses ...int) func(int, []byte) bool {
	return func(status int, _ []byte) bool {
		for _, one := range statuses {
			if one == status {
				return true
			}
		}
		return false
	}
}

func named(invalid, authentication, channel, rate, other string) map[int]string {
	return map[int]string{400: invalid, 404: invalid, 401: authentication, 402: channel, 403: rate, 0: other}
}

// clients are the profiles by name (P1.3-1 to P1.3-6, P1.8-2, P4.5-1 and P7-1
// to P7-11).
var clients = map[string]pingpp{
	Go: {
		basic: true, body: flavour{html: true}, postType: "application/json", empty: "null", rawIDs: true, bareFrame: Chunked,
		agent: "Pingpp go SDK version:3.2.6", more: []Field{{"Pingpluspplus-Version", "2025-04-08"}, {"Accept-Language", "zh-CN"}},
		timestamps: true, repeats: on(502), silent502: true,
		decoder: decoder{typed: true, strictText: true, unsigned: true, amountBits: 64, timeBits: 64, emptyMore: true},
		classes: map[int]string{0: "*pingpp.Error"},
	},
	Java: {
		body: flavour{html: true, gson: true}, query: query{indexed: true}, postType: "application/json; charset=UTF-8", bare: true, bareFrame: Sized,
		agent: "Pingpp/v1 JavaBindings/2.5.2", more: []Field{{"Accept-Language", "zh-CN"}},
		timestamps: true, verifies: true, repeats: func(status int, _ []byte) bool { return status >= 500 },
		decoder: decoder{typed: true, amountBits: 32, timeBits: 64, credential: true, listURL: true},
		classes: named("InvalidRequestException", "AuthenticationException", "ChannelException", "RateLimitException", "APIException"),
	},
	Python: {
		body: flavour{ascii: true, spaced: true}, query: query{capital: true},
		postType: "application/json; charset=UTF-8", getType: "application/json; charset=UTF-8", empty: "{}",
		agent: "Pingpp/v1 PythonBindings/2.7.2", timestamps: true, repeats: on(502),
		decoder: decoder{whole: true, classed: true, listURL: true},
		classes: named("InvalidRequestError", "AuthenticationError", "ChannelError", "RateLimitError", "APIError"),
	},
	PHP: {
		body: flavour{emptyList: true}, postType: "application/json;charset=UTF-8", typeName: "Content-type", empty: "[]",
		agent: "Pingpp/v1 PhpBindings/3.0.0", repeats: on(502), decoder: decoder{classed: true, listURL: true, onlyPath: true},
		classes: named("InvalidRequest", "Authentication", "Channel", "Api", "Api"),
	},
	Ruby: {
		query: query{rawBrackets: true}, postType: "application/json", getType: "application/x-www-form-urlencoded", empty: "{}",
		agent: "Pingpp/v1 RubyBindings/2.2.4", timestamps: true, repeats: func(status int, body []byte) bool {
			return status == 0 || status == 408 || status == 409 || status == 502 && strings.Contains(string(body), "refresh")
		},
		decoder: decoder{whole: true, classed: true, listURL: true},
		classes: named("InvalidRequestError", "AuthenticationError", "ChannelError", "RateLimitError", "APIError"),
	},
	Node: {
		basic: true, query: query{always: true}, postType: "application/json; charset=UTF-8", getType: "application/x-www-form-urlencoded; charset=UTF-8",
		empty: "{}", framing: Chunked, bareFrame: Chunked, rawIDs: true, agent: "Pingpp/v1 NodeBindings/2.1.6", timestamps: true, hangs: true, truthy: true,
		repeats: func(status int, body []byte) bool {
			_, err := decodeJSON(body)
			return status == 502 && err != nil
		},
		classes: map[int]string{401: "PingppAuthenticationError", 403: "PingppRateLimitError"},
	},
	CSharp: {
		body: flavour{indented: true}, query: query{indexed: true, capital: true}, rawIDs: true,
		postType: "application/json;charset=utf-8", getType: "application/json;charset=utf-8", expect: true,
		agent: "Pingpp/v1 CsharpBindings/1.6.0", more: []Field{{"Accept-Language", "zh-CN"}}, timestamps: true, repeats: on(502),
		decoder: decoder{typed: true, amountBits: 32, timeBits: 32, noNullBool: true, noNullNumber: true},
		classes: map[int]string{0: "PingppException"},
	},
}

// Clients are the names of the Ping++ clients.
func Clients() []string { return []string{Go, Java, Python, PHP, Ruby, Node, CSharp} }

// Letter is how strict a reader is who wants the documents' every word.
var letter = decoder{
	whole: true, typed: true, strictText: true, unsigned: true, noNullBool: true, noNullNumber: true, amountBits: 32, timeBits: 32,
	credential: true, listURL: true, emptyMore: true, classed: true, letter: true,
}

// sign makes an RSA-SHA256 signature in base64.
func sign(key *rsa.PrivateKey, text string) (string, error) {
	digest := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	return base64.StdEncoding.EncodeToString(signature), err
}

// verify checks an RSA-SHA256 signature in base64.
func verify(key *rsa.PublicKey, text, signature string) bool {
	raw, err := base64.StdEncoding.DecodeString(signature)
	digest := sha256.Sum256([]byte(text))
	return err == nil && rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], raw) == nil
}
