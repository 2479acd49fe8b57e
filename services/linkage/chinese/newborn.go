package chinese

import "strings"

// newborn is what a name says that is no name yet: 张丽之女, 王某之长子, 新生儿.
type newborn struct {
	parent      string // the name before 之, empty where there is none
	surnameOnly bool   // 张某: the given name is withheld
	sex         byte   // '1', '2', or 0
	rank        byte   // 长女 1, 次女 2, …; 0 where it does not say
}

// parseNewborn reads a newborn's stand-in for a name.
func parseNewborn(name string) (newborn, bool) {
	name = strings.TrimSpace(name)
	switch name {
	case "新生儿", "新生婴儿", "婴儿", "女婴", "男婴", "宝宝", "毛毛", "未取名婴儿":
		b := newborn{}
		b.read(name)
		return b, true
	}
	i := strings.LastIndex(name, "之")
	if i <= 0 {
		return newborn{}, false
	}
	b := newborn{parent: name[:i]}
	if !b.read(name[i+len("之"):]) {
		return newborn{}, false
	}
	parent := []rune(b.parent)
	if len(parent) >= 2 && withheld(parent[1]) {
		b.parent, b.surnameOnly = string(parent[:1]), true
	}
	return b, true
}

func withheld(r rune) bool {
	return r == '某' || r == '*' || r == '＊' || r == 'x' || r == 'X' || r == '×'
}

// maxChildWords bounds what follows 之: 双胞胎次女1 is the longest seen.
const maxChildWords = 6

// read takes the words for a child, and reports whether they are nothing else:
// 张之洞 is a name.
func (b *newborn) read(words string) bool {
	runes := []rune(words)
	child := false
	for _, r := range runes {
		switch r {
		case '女':
			b.sex, child = '2', true
		case '子', '男':
			if b.sex == 0 {
				b.sex = '1'
			}
			child = true
		case '儿', '婴', '宝', '孩':
			child = true
		case '长', '大', '一', '1', 'A', 'a', '甲':
			b.rank = 1
		case '次', '二', '2', 'B', 'b', '乙':
			b.rank = 2
		case '三', '3', 'C', 'c', '丙':
			b.rank = 3
		case '四', '4':
			b.rank = 4
		case '小', '双', '胞', '胎', '新', '生':
		default:
			return false
		}
	}
	return child && len(runes) <= maxChildWords
}
