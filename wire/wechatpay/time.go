package wechatpay

import (
	"encoding/json"
	"errors"
	"time"
)

// Beijing is the zone of all times that are written, and of bills.
var Beijing = time.FixedZone("UTC+8", 8*60*60)

// timeLayout has whole seconds and never Z: in Beijing's zone the offset is
// always written as digits.
const timeLayout = "2006-01-02T15:04:05-07:00"

// ErrTime tells that a text is no time of RFC 3339.
var ErrTime = errors.New("not a time of RFC 3339")

// Time is written as 2015-05-20T13:29:35+08:00 and read with any zone and any
// decimals of a second.
type Time time.Time

// String writes the time as in JSON, without quotes.
func (t Time) String() string { return time.Time(t).In(Beijing).Format(timeLayout) }

// MarshalJSON writes the time; a fraction of a second is cut off.
func (t Time) MarshalJSON() ([]byte, error) { return []byte(`"` + t.String() + `"`), nil }

// UnmarshalJSON reads a time as ParseTime does.
func (t *Time) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	parsed, err := ParseTime(text)
	*t = Time(parsed)
	return err
}

// ParseTime reads a time of RFC 3339. It returns ErrTime.
func ParseTime(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, ErrTime
	}
	return t, nil
}
