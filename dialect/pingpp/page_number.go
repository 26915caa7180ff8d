package pingpp

import (
	"strconv"

	"github.com/refundry/refundry/wire/exactjson"
)

// Bounds of page and per_page, by which batches and the refunds of orders are
// listed (P3.1-11).
const (
	maxPageNumber  = 1_000_000_000
	defaultPerPage = 20
)

// numberedPage reads page and per_page: how many objects, and how many before
// them. A per_page above 100 is cut, like limit.
func numberedPage(params exactjson.Value) (limit int, offset int64, err error) {
	number, err := countFrom1(params, "page", 1, maxPageNumber+1)
	if err != nil {
		return 0, 0, err
	}
	if number > maxPageNumber {
		return 0, 0, invalid("page", text{"超出了允许的范围", "it is at most " + strconv.Itoa(maxPageNumber)})
	}
	size, err := countFrom1(params, "per_page", defaultPerPage, maxPage)
	if err != nil {
		return 0, 0, err
	}
	return int(size), (number - 1) * size, nil
}

// countFrom1 reads a whole number above 0; one above most is most.
func countFrom1(params exactjson.Value, name string, absent, most int64) (int64, error) {
	value, ok := given(params, name)
	if !ok {
		return absent, nil
	}
	digits, whole := wholeText(value)
	if !whole || digits == "0" {
		return 0, invalid(name, wantAmount)
	}
	// What does not fit into 64 bits is above every bound.
	number, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || number > most {
		number = most
	}
	return number, nil
}
