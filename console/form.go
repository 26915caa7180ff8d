package console

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// keyField is the hidden field that makes a form's second click harmless.
const keyField = "Idempotency-Key"

// checkQuery refuses texts that no database takes.
func (p *page) checkQuery() error {
	for name, values := range p.URL.Query() {
		for _, value := range values {
			if !fit(name) || !fit(value) {
				return refund.Errorf(refund.KindInvalid, "query", "the address has characters that are no text")
			}
		}
	}
	return nil
}

func fit(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }

// decode fills a struct from the form's fields, by the tags of its fields: `form:"email"`.
// Fields are string (blanks at its ends are cut; `form:"bank,raw"` keeps them, and so
// does `form:"password,secret"`, which hides the field, see hide), bool (a checkbox),
// int64 and []string. KindInvalid names the field at fault.
func (p *page) decode(into any) error {
	if err := p.parse(); err != nil {
		return err
	}
	target := reflect.ValueOf(into).Elem()
	for n := range target.NumField() {
		name, option, _ := strings.Cut(target.Type().Field(n).Tag.Get("form"), ",")
		if name == "" {
			continue
		}
		values := p.PostForm[name]
		for n, value := range values {
			if !fit(value) {
				return refund.Errorf(refund.KindInvalid, name, "%s has characters that are no text", name)
			}
			if option == "" {
				values[n] = strings.TrimSpace(value)
			}
		}
		if err := set(target.Field(n), name, values); err != nil {
			return err
		}
		if option == "secret" {
			p.hide(name)
		}
	}
	return nil
}

// hide has nothing left of a field that was read but what a second click has to
// share: its value under a key that is stored nowhere, the session's token. A plain
// hash of the form is kept for ever, from which a password could be found by trying.
func (p *page) hide(name string) {
	for _, form := range []url.Values{p.PostForm, p.Form} {
		values := form[name]
		for n, value := range values {
			mac := hmac.New(sha256.New, []byte(p.token()))
			_, _ = mac.Write([]byte(name + "\n" + value))
			values[n] = hex.EncodeToString(mac.Sum(nil))
		}
	}
}

func set(field reflect.Value, name string, values []string) error {
	first := ""
	if len(values) > 0 {
		first = values[0]
	}
	switch field.Kind() {
	case reflect.String:
		field.SetString(first)
	case reflect.Bool:
		field.SetBool(first != "")
	case reflect.Int64:
		if first == "" {
			return nil
		}
		number, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return refund.Errorf(refund.KindInvalid, name, "%s is a whole number", name)
		}
		field.SetInt(number)
	case reflect.Slice:
		field.Set(reflect.ValueOf(values))
	default:
		panic(fmt.Sprintf("field %s has a kind that forms have not", name))
	}
	return nil
}

// maxFormMemory is what of a form with files is held in memory, in bytes.
const maxFormMemory = 1 << 20

// parse reads the form. KindTooLarge and KindInvalid.
func (p *page) parse() error {
	var err error
	if strings.HasPrefix(p.Header.Get("Content-Type"), "multipart/") {
		err = p.ParseMultipartForm(maxFormMemory)
	} else {
		err = p.ParseForm()
	}
	tooLarge := &http.MaxBytesError{}
	switch {
	case errors.As(err, &tooLarge):
		return refund.Errorf(refund.KindTooLarge, "", "the form is larger than %d bytes", tooLarge.Limit)
	case err != nil:
		return refund.Errorf(refund.KindInvalid, "", "the form can't be read")
	}
	return nil
}

// act does what a form asks for, once: the second click on the same form does
// nothing and looks as the first did. do passes its argument to a use case of
// admin on things of the merchant, "" for those of the installation. What the
// action made, and the secret that is shown once, are in the Write that it returns.
func (p *page) act(merchantID string, do func(admin.By) error) (refund.Write, error) {
	if err := p.parse(); err != nil {
		return refund.Write{}, err
	}
	by, key := p.by(), p.PostForm.Get(keyField)
	by.MayApprove = p.user.May(merchantID, merchant.ScopeApprove)
	if key == "" {
		return refund.Write{}, do(by)
	}
	w := &refund.Write{MerchantID: merchantID, Key: "console " + p.user.ID + " " + key, Call: "console " + p.Pattern, Content: p.content()}
	if len(key) > maxKey || !fit(key) {
		return refund.Write{}, refund.Errorf(refund.KindInvalid, keyField, "the form's key is not one of ours")
	}
	if kept, known, err := p.kept(w); err != nil || known {
		return kept, err
	}
	by.Write = w
	err := do(by)
	if err == nil && !w.Kept {
		err = p.s.Writes.KeepWrite(p.Context(), w)
	}
	if err != nil && !w.Kept {
		// The other click may have done it at the same moment.
		if kept, known, failed := p.kept(w); failed == nil && known {
			return kept, nil
		}
	}
	return *w, err
}

// maxKey bounds a form's key, which we made, in bytes.
const maxKey = 64

// kept finds what the form did before. KindKeyConflict where it did something else.
func (p *page) kept(w *refund.Write) (refund.Write, bool, error) {
	kept, known, err := p.s.Writes.KeptWrite(p.Context(), w.MerchantID, w.Key)
	if err == nil && known && (kept.Call != w.Call || kept.Content != w.Content) {
		err = refund.Errorf(refund.KindKeyConflict, "", "this form was sent before with other content; load the page again")
	}
	return kept, known && err == nil, err
}

// content is a hash of what the form says, and to which address. Secrets are hidden
// before; see hide.
func (p *page) content() string {
	hash := sha256.Sum256([]byte(p.URL.Path + "\n" + p.PostForm.Encode()))
	return hex.EncodeToString(hash[:])
}
