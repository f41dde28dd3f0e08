from example_project.desk.summary import PORTION, portions, sentence, top_words, word_counts


def test_mentions_the_most_frequent_words_that_say_something() -> None:
    counts = word_counts("Queue queue QUEUE worker the the the this self job")
    assert sentence(top_words(counts)) == "queue (3), worker (1)"


def test_words_of_the_same_count_come_in_the_order_of_the_alphabet() -> None:
    assert [word for word, _ in top_words(word_counts("zebra apple mango"), 2)] == [
        "apple",
        "mango",
    ]


def test_portions_hold_the_whole_text_and_count_its_lines() -> None:
    text = "line\n" * (2 * PORTION + 1)
    parts = list(portions(text))
    assert [done for done, _ in parts] == [PORTION, 2 * PORTION, 2 * PORTION + 1]
    assert "".join(part for _, part in parts) == text
