package chinese

//go:generate go run -C generate .

// lunar returns the lunar calendar's year, month and day of a full date of the
// solar one, zero outside the table. A leap month has the number of the month
// before it: registers do not tell them apart.
func (d date) lunar() date {
	if !d.full() || d.year <= firstLunarYear || d.year > lastLunarYear {
		return date{}
	}
	year := int(d.year)
	days := d.yearDay() - int(lunarYears[year-firstLunarYear]>>17)
	if days < 0 { // before the new year
		year--
		days = d.yearDay() + yearLength(year) - int(lunarYears[year-firstLunarYear]>>17)
	}
	bits := lunarYears[year-firstLunarYear]
	leap := int(bits >> 13 & 15)
	for at := 0; at < 13; at++ {
		length := 29 + int(bits>>at&1)
		if days < length {
			month := at + 1
			if leap > 0 && at >= leap {
				month--
			}
			return date{uint16(year), uint8(month), uint8(days + 1)}
		}
		days -= length
	}
	return date{}
}

var daysBefore = [...]int{0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334}

// yearDay counts from 0 on 1 January.
func (d date) yearDay() int {
	n := daysBefore[d.month-1] + int(d.day) - 1
	if d.month > 2 && yearLength(int(d.year)) == 366 {
		n++
	}
	return n
}

func yearLength(year int) int {
	if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
		return 366
	}
	return 365
}
