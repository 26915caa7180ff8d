package pemkey

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
)

// Labels of PEM blocks.
const (
	labelPKCS8       = "PRIVATE KEY"
	labelPKCS1       = "RSA PRIVATE KEY"
	labelPKIX        = "PUBLIC KEY"
	labelPKCS1Public = "RSA PUBLIC KEY"
	labelCertificate = "CERTIFICATE"
)

// labelNames are the blocks whose content the label alone tells.
var labelNames = map[string]string{
	labelPKCS8:              "a private key",
	labelPKCS1:              "an RSA private key",
	labelPKIX:               "a public key",
	labelPKCS1Public:        "an RSA public key in PKCS#1 (hint: openssl rsa -RSAPublicKey_in -pubout writes it as PUBLIC KEY)",
	labelCertificate:        "a certificate",
	"EC PRIVATE KEY":        "an EC private key",
	"EC PARAMETERS":         "parameters of an elliptic curve",
	"ENCRYPTED PRIVATE KEY": encrypted,
	"OPENSSH PRIVATE KEY":   "an OpenSSH private key (hint: ssh-keygen -p -m PKCS8 rewrites it)",
	"CERTIFICATE REQUEST":   "a certificate request",
	"X509 CRL":              "a revocation list",
}

const encrypted = "an encrypted private key (hint: openssl pkey decrypts it)"

// maxLabel bounds what an error repeats of a block's label, in bytes.
const maxLabel = 40

// name is what a block is called in errors.
func name(block *pem.Block) string {
	if strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
		return encrypted
	}
	if known := labelNames[block.Type]; known != "" {
		return known
	}
	return fmt.Sprintf("a PEM block %.*q", maxLabel, block.Type)
}

// oneBlock finds the only block of a text; want names what is looked for.
func oneBlock(text, want string, accept Accept) (*pem.Block, error) {
	blocks, rest, err := decode(text, want)
	switch {
	case err != nil:
		return nil, err
	case len(blocks) == 0 && accept&Bare != 0:
		return bareBlock(text, want)
	case len(blocks) == 0:
		return nil, mismatch(want+" in PEM", withoutPEM(text))
	case len(blocks) > 1:
		names := make([]string, len(blocks))
		for n, block := range blocks {
			names[n] = fmt.Sprintf("%.*s", maxLabel, block.Type)
		}
		return nil, mismatch(want+" alone", fmt.Sprintf("%d PEM blocks (%s)", len(blocks), strings.Join(names, ", ")))
	case rest != "":
		return nil, mismatch(want+" alone", name(blocks[0])+" with text behind its END line")
	case blocks[0].Headers["Proc-Type"] != "":
		return nil, mismatch(want, name(blocks[0]))
	}
	return blocks[0], nil
}

const (
	beginLine     = "-----BEGIN "
	byteOrderMark = "\ufeff"
)

// decode finds all blocks of a text and what is behind the last one. Text
// before a block is a comment, as in RFC 7468. A block that encoding/pem can't
// read is an error: it would take the next one instead.
func decode(text, want string) (blocks []*pem.Block, rest string, err error) {
	if len(text) > maxText {
		return nil, "", mismatch(want, fmt.Sprintf("a text longer than %d bytes", maxText))
	}
	left := []byte(strings.TrimPrefix(text, byteOrderMark))
	begun := strings.Count(text, beginLine)
	for {
		block, after := pem.Decode(left)
		if block == nil {
			break
		}
		if blocks, left = append(blocks, block), after; len(blocks) > maxBlocks {
			return nil, "", mismatch(want, fmt.Sprintf("more than %d PEM blocks", maxBlocks))
		}
	}
	if len(blocks) != begun {
		found := "a PEM block that is damaged or has no END line"
		if strings.Contains(text, `\n`) {
			found = `a PEM block whose line ends are written as the two characters \n`
		}
		return nil, "", mismatch(want, found)
	}
	return blocks, strings.TrimSpace(string(left)), nil
}

// Split returns each PEM block of a text as a text of its own, the first eight.
// It skips everything else.
func Split(text string) []string {
	var out []string
	rest := []byte(strings.TrimPrefix(text, byteOrderMark))
	for len(out) < maxBlocks {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		out = append(out, string(pem.EncodeToMemory(block)))
	}
	return out
}

// bareBlock reads base64 without PEM lines. Its label is that of what it holds.
func bareBlock(text, want string) (*pem.Block, error) {
	der, ok := bareBytes(text)
	if !ok {
		return nil, mismatch(want+" in PEM or base64", withoutPEM(text))
	}
	label, found := inspect(der)
	if label == "" {
		return nil, mismatch(want, found)
	}
	return &pem.Block{Type: label, Bytes: der}, nil
}

// bareBytes decodes a text of base64 in any number of lines.
func bareBytes(text string) ([]byte, bool) {
	joined := strings.Join(strings.Fields(strings.TrimPrefix(text, byteOrderMark)), "")
	der, err := base64.StdEncoding.Strict().DecodeString(joined)
	return der, err == nil && len(der) > 0
}

// withoutPEM returns what a text without a PEM block is.
func withoutPEM(text string) string {
	if strings.TrimSpace(text) == "" {
		return "an empty text"
	}
	if label, found := inspect([]byte(text)); label != "" || found == pkcs12 {
		return "the bytes (DER) of " + found
	}
	if der, ok := bareBytes(text); ok {
		if label, found := inspect(der); label != "" || found == pkcs12 {
			return "the base64, without BEGIN and END lines, of " + found
		}
	}
	return "a text that is no key"
}
