package pingpp

import "fmt"

// Faults are the rows of the table of errors, "status code".
func Faults() (rows []string) {
	for status, codes := range faults {
		for code := range codes {
			rows = append(rows, fmt.Sprintf("%d %s", status, code))
		}
	}
	return rows
}

// Failures are the codes of the table of refunds that have failed.
func Failures() (codes []string) {
	for code := range failures {
		codes = append(codes, code)
	}
	return codes
}
