package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// csvColumns are the flat members of a charge; those with a dot are a name in
// a dialect, as in its identities.
var csvColumns = []string{
	"order_no", "amount", "currency", "channel", "paid_at", "transaction_id", "channel_account", "fee", "already_refunded",
	"received_account", "funds_account", "profit_sharing", "notify_url", "client_ip", "subject", "body", "description",
	"pingpp.app", "pingpp.charge", "pingpp.order", "wallet.wallet_id", "wallet.charges_id",
	"wechatpay.mchid", "wechatpay.sub_mchid", "wechatpay.out_trade_no", "payin.merchant_id", "payin.order_id",
}

// csvNumbers are the columns that hold whole numbers.
var csvNumbers = []string{"amount", "fee", "already_refunded"}

// csvLines reads charges from CSV by putting each line into the API's JSON, so
// that one decoder judges both forms.
type csvLines struct {
	reader  *csv.Reader
	columns []string
}

// newCSVLines reads the header line. A column that is not known, or twice
// there, is an error of the whole file.
func newCSVLines(in io.Reader) (*csvLines, error) {
	reader := csv.NewReader(in)
	header, err := reader.Read()
	if err != nil {
		return nil, fmt.Errorf("import charges: read the header line: %w", err)
	}
	c := &csvLines{reader: reader}
	for n, name := range header {
		if n == 0 {
			name = strings.TrimPrefix(name, "\ufeff") // spreadsheets write a byte order mark
		}
		name = strings.TrimSpace(name)
		if !slices.Contains(csvColumns, name) {
			return nil, fmt.Errorf("import charges: there is no column %q (hint: refundry charge import --help lists them)", name)
		}
		if slices.Contains(c.columns, name) {
			return nil, fmt.Errorf("import charges: column %q is there twice", name)
		}
		c.columns = append(c.columns, name)
	}
	return c, nil
}

func (c *csvLines) next() (int, []byte, error) {
	cells, err := c.reader.Read()
	var broken *csv.ParseError
	switch {
	case errors.As(err, &broken):
		return broken.StartLine, nil, lineError{broken.Err.Error()}
	case err != nil:
		return 0, nil, err
	}
	line, _ := c.reader.FieldPos(0)
	body := make(map[string]any, len(cells))
	identities := make(map[string]map[string]string)
	for n, cell := range cells {
		name := c.columns[n]
		dialect, member, dotted := strings.Cut(name, ".")
		switch {
		case !utf8.ValidString(cell):
			// JSON would put the same character for whatever can't be read, and
			// two order numbers could become one.
			return line, nil, lineError{fmt.Sprintf("%s: %q is not UTF-8 (hint: save the file as UTF-8)", name, cell)}
		case cell == "":
		case dotted:
			if identities[dialect] == nil {
				identities[dialect] = make(map[string]string)
			}
			identities[dialect][member] = cell
		case slices.Contains(csvNumbers, name):
			if !wholeNumber(cell) {
				return line, nil, lineError{fmt.Sprintf("%s: %q is no whole number of minor units", name, cell)}
			}
			body[name] = json.Number(cell)
		default:
			body[name] = cell
		}
	}
	if len(identities) > 0 {
		body["identities"] = identities
	}
	text, err := json.Marshal(body)
	if err != nil {
		return line, nil, lineError{err.Error()}
	}
	return line, text, nil
}

// wholeNumber says whether a cell is one JSON number without fraction; what it
// is worth is the decoder's to judge.
func wholeNumber(cell string) bool {
	digits := strings.TrimPrefix(cell, "-")
	return digits != "" && strings.Trim(digits, "0123456789") == "" && (len(digits) == 1 || digits[0] != '0')
}
