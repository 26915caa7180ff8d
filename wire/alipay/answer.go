package alipay

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"strings"

	"github.com/refundry/refundry/wire/exactjson"
	"github.com/refundry/refundry/wire/pemkey"
)

// Errors about answers.
var (
	// ErrAnswer: the answer can't be read. What became of the request is unknown.
	ErrAnswer = errors.New("answer can't be read")
	// ErrUnsigned: it has no signature, as when the gateway does not know the app.
	ErrUnsigned = errors.New("the answer is not signed")
	// ErrUnknownCertificate: it is signed by a certificate that is not known here.
	ErrUnknownCertificate = errors.New("the answer is signed by a certificate that is not known")
)

// errorNode is the node of an answer to a request that no method was found for.
const errorNode = "error_response"

// Answer is a gateway's answer, before and after its signature was verified.
type Answer struct {
	// Node is the method's own part of the answer. Its Raw is what the signature is
	// over: as received, blanks and escapes included, and never written again.
	Node exactjson.Value
	Sign string
	// CertSN names the certificate that it is signed by, "" in key mode.
	CertSN string
	// IsError says that the node is error_response.
	IsError bool
}

// ReadAnswer finds the node of a method in an answer's body. Errors are ErrAnswer.
func ReadAnswer(body []byte, method string, limits exactjson.Limits) (Answer, error) {
	value, err := exactjson.Decode(body, limits)
	if err != nil {
		return Answer{}, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	var a Answer
	node, ok := value.Get(NodeName(method))
	if !ok {
		node, a.IsError = value.Get(errorNode)
	}
	if node.Kind != exactjson.Object {
		return Answer{}, fmt.Errorf("%w: it has no %s", ErrAnswer, NodeName(method))
	}
	a.Node, a.Sign, a.CertSN = node, text(value, paramSign), text(value, paramCertSN)
	return a, nil
}

// NodeName is the name of a method's node in its answer.
func NodeName(method string) string { return strings.ReplaceAll(method, ".", "_") + "_response" }

// Keys verify what the platform signs, by the serial numbers of its certificates;
// "" is the public key of key mode.
type Keys map[string]*rsa.PublicKey

// Verify checks the signature over the node's bytes. Errors are ErrUnsigned,
// ErrUnknownCertificate and pemkey.ErrSignature. An answer that names a certificate
// is verified by that one, and where it is not known by the public key of key mode.
func (k Keys) Verify(a Answer) error {
	if a.Sign == "" {
		return ErrUnsigned
	}
	if a.CertSN == "" {
		return k.verifyAny(a.Node.Raw, a.Sign)
	}
	if key := k[a.CertSN]; key != nil {
		return pemkey.VerifySHA256(key, a.Node.Raw, a.Sign)
	}
	if key := k[""]; key != nil && pemkey.VerifySHA256(key, a.Node.Raw, a.Sign) == nil {
		return nil
	}
	return ErrUnknownCertificate
}

// verifyAny checks a signature of which nothing says whose it is.
func (k Keys) verifyAny(message []byte, signature string) error {
	for _, key := range k {
		if pemkey.VerifySHA256(key, message, signature) == nil {
			return nil
		}
	}
	return pemkey.ErrSignature
}

// text is a member that is a string or a number, "" where it is neither. The
// platform writes some amounts and times either way.
func text(v exactjson.Value, name string) string {
	member, _ := v.Get(name)
	if member.Kind != exactjson.String && member.Kind != exactjson.Number {
		return ""
	}
	return member.Text
}
